/* The mean of each text's rows of a table, float32 or int8: the inner loop of `encode`.

   It knows nothing of Python: row_sums_module.c does. */

#ifndef M2V_ONNX_ROW_SUMS_H
#define M2V_ONNX_ROW_SUMS_H

#include <stddef.h>
#include <stdint.h>

enum { BLOCK_COLUMNS = 64 };

/* What texts are averaged from. A table of int8 has codes, column_scale and scales; one of float32 has table, and
   weights or none. */
typedef struct {
    const float *table; /* (n_rows, dim); NULL beside codes */
    /* The columns from dim on hold zeros: stride is a multiple of BLOCK_COLUMNS. */
    const int8_t *codes;       /* (n_rows, stride) */
    const float *column_scale; /* (stride,), a factor for each column of codes */
    ptrdiff_t n_rows, dim, stride;
    const int32_t *rows;   /* (n_tokens,), the row of each token; NULL for the identity */
    const float *weights;  /* (n_tokens,), a factor for each token; NULL for ones */
    const uint8_t *scales; /* (n_tokens,), a factor up to 127 for each token's codes */
    const uint8_t *counts; /* (n_tokens,), whether a token takes part in the mean */
    ptrdiff_t n_tokens;
    int normalize; /* whether a mean is made a unit vector */
} RowTable;

/* Texts as token ids, and where their vectors go. */
typedef struct {
    const int32_t *ids;     /* (n_ids,), texts one behind the other */
    const int64_t *offsets; /* (n_texts + 1,), where each begins, and where the last ends */
    ptrdiff_t n_ids, n_texts;
    float *out; /* (n_texts, dim) */
} Batch;

typedef struct Job Job;

/* A loop for one kind of table and of processor. */
typedef struct {
    const char *name;
    int takes_codes;
    int (*is_there)(void); /* on this processor */
    void (*write_means)(const Job *);
} Kernel;

/* The fastest come first. */
extern const Kernel kernels[];
extern const int n_kernels;

/* What would be read outside of the arrays: a message with places for a limit and for what was found. */
typedef struct {
    enum { DONE, OUTSIDE, NO_MEMORY } outcome;
    const char *message;
    ptrdiff_t limit, found;
} Fault;

/* Give a kernel of this processor; NULL for none. */
const Kernel *find_kernel(const char *name);

/* Write the mean of each text, or its unit vector. Safe on many threads, which may share a table. */
Fault write_means(const Kernel *kernel, const RowTable *table, const Batch *batch);

#endif
