/* What compilers name differently. */

#ifndef M2V_ONNX_COMPILER_H
#define M2V_ONNX_COMPILER_H

#if defined(__GNUC__)
#define INLINE inline __attribute__((always_inline))
#else
#define INLINE inline
#endif

#endif
