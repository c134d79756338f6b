/* The mean of each text's rows of a table, float32 or int8: the inner loop of `encode`.

   A block of columns is summed in registers over all tokens of a text, while the rows of the tokens to come are
   fetched: what is left is the time that the memory needs. The order of the sum is that of the tokens, and sums
   of int8 are whole numbers, so that the texts beside a text do not change its bits. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#define ON_X86
#define FOR_AVX2 __attribute__((target("avx2")))
#define FOR_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define UNROLL _Pragma("GCC unroll 4")
#endif

#if defined(__GNUC__)
typedef float lanes __attribute__((vector_size(32), aligned(4), may_alias));
#define PREFETCH(address) __builtin_prefetch(address)
#define INLINE inline __attribute__((always_inline))
#else
typedef float lanes;
#define PREFETCH(address) ((void)0)
#define INLINE inline
#endif

enum {
    LANES = sizeof(lanes) / sizeof(float),
    BLOCK_COLUMNS = 64,
    BLOCK_LANES = BLOCK_COLUMNS / LANES,
    LINE_COLUMNS = 16, /* of the cache */
    LINE_BYTES = 64,
    TOKENS_AHEAD = 16,
    GROUP_TOKENS = 4 /* that int8 is summed by */
};

typedef struct {
    const float *table; /* (n_rows, dim); NULL beside codes */
    /* The columns from dim on hold zeros: stride is a multiple of BLOCK_COLUMNS. */
    const int8_t *codes;       /* (n_rows, stride) */
    const float *column_scale; /* (stride,), a factor for each column of codes */
    Py_ssize_t n_rows, dim, stride;
    const int32_t *rows;   /* (n_tokens,), the row of each token; NULL for the identity */
    const float *weights;  /* (n_tokens,), a factor for each token; NULL for ones */
    const uint8_t *scales; /* (n_tokens,), a factor up to 127 for each token's codes */
    const uint8_t *counts; /* (n_tokens,), whether a token takes part in the mean */
    Py_ssize_t n_tokens;
    const int32_t *ids;     /* (n_ids,), texts one behind the other */
    const int64_t *offsets; /* (n_texts + 1,), where each begins, and where the last ends */
    Py_ssize_t n_ids, n_texts;
    int normalize;
    float *out; /* (n_texts, dim) */
    /* The rows and factors of the tokens that count, and where those of each text begin. */
    int32_t *counting_rows; /* (n_ids,) at most, and GROUP_TOKENS zeros */
    float *counting_weights;
    uint8_t *counting_scales;
    int64_t *counting_offsets; /* (n_texts + 1,) */
    float *sums;               /* (stride,), of codes */
} Job;

/* What would be read outside of the arrays: a message with places for a limit and for what was found. */
typedef struct {
    const char *message;
    Py_ssize_t limit, found;
} Fault;

/* Find the rows of all tokens. */
static Fault find_rows(Job *job)
{
    int64_t n_counting = 0, stop = job->offsets[0]; /* each is read once: another thread may write to them */
    for (Py_ssize_t text = 0; text < job->n_texts; text++) {
        const int64_t start = stop;
        stop = job->offsets[text + 1];
        if (start < 0 || stop < start || stop > job->n_ids)
            return (Fault){"offsets must rise from 0 to %zd, found others at text %zd", job->n_ids, text};
        job->counting_offsets[text] = n_counting;
        for (int64_t token = start; token < stop; token++) {
            const int32_t id = job->ids[token];
            if (id < 0 || id >= job->n_tokens)
                return (Fault){"token ids must be from 0 to %zd, found %zd", job->n_tokens - 1, id};
            const int32_t row = job->rows ? job->rows[id] : id;
            if (row < 0 || row >= job->n_rows)
                return (Fault){"rows must be from 0 to %zd, found %zd", job->n_rows - 1, row};
            job->counting_rows[n_counting] = row;
            if (job->weights)
                job->counting_weights[n_counting] = job->weights[id];
            if (job->scales)
                job->counting_scales[n_counting] = job->scales[id];
            n_counting += job->counts[id] != 0;
        }
    }
    job->counting_offsets[job->n_texts] = n_counting;
    for (int k = 0; k < GROUP_TOKENS; k++)
        job->counting_rows[n_counting + k] = 0;
    return (Fault){0};
}

/* Divide a sum by the number of its rows, or by its own length: a unit vector is that of the sum, too. */
static INLINE void finish(const Job *job, const float *sums, float *out, int64_t n_rows)
{
    float factor = n_rows ? 1.0f / (float)n_rows : 1.0f;
    if (job->normalize) {
        float partial[LINE_COLUMNS] = {0}, sum = 0;
        Py_ssize_t column = 0;
        for (; column + LINE_COLUMNS <= job->dim; column += LINE_COLUMNS)
            for (int k = 0; k < LINE_COLUMNS; k++)
                partial[k] += sums[column + k] * sums[column + k];
        for (; column < job->dim; column++)
            sum += sums[column] * sums[column];
        for (int k = 0; k < LINE_COLUMNS; k++)
            sum += partial[k];
        factor = 1.0f / (sqrtf(sum) + 1e-32f);
    }
    for (Py_ssize_t column = 0; column < job->dim; column++)
        out[column] = factor * sums[column];
}

static INLINE void pool_weighted(const Job *job, int is_weighted)
{
    const Py_ssize_t n_whole = job->dim - job->dim % BLOCK_COLUMNS;
    const int64_t last = job->counting_offsets[job->n_texts] - TOKENS_AHEAD;
    for (Py_ssize_t text = 0; text < job->n_texts; text++) {
        const int64_t start = job->counting_offsets[text], stop = job->counting_offsets[text + 1];
        float *out = job->out + text * job->dim;
        for (Py_ssize_t column = 0; column < n_whole; column += BLOCK_COLUMNS) {
            const float *block = job->table + column;
            lanes sums[BLOCK_LANES] = {0};
            for (int64_t token = start; token < stop; token++) {
                if (token < last) {
                    const float *ahead = block + job->counting_rows[token + TOKENS_AHEAD] * job->dim;
                    for (int k = 0; k < BLOCK_COLUMNS; k += LINE_COLUMNS)
                        PREFETCH(ahead + k);
                }
                const lanes *row = (const lanes *)(block + job->counting_rows[token] * job->dim);
                for (int k = 0; k < BLOCK_LANES; k++)
                    sums[k] += (is_weighted ? job->counting_weights[token] : 1.0f) * row[k];
            }
            for (int k = 0; k < BLOCK_LANES; k++)
                ((lanes *)(out + column))[k] = sums[k];
        }
        for (Py_ssize_t column = n_whole; column < job->dim; column++)
            out[column] = 0;
        for (int64_t token = start; token < stop && n_whole < job->dim; token++) {
            const float *row = job->table + job->counting_rows[token] * job->dim;
            for (Py_ssize_t column = n_whole; column < job->dim; column++)
                out[column] += (is_weighted ? job->counting_weights[token] : 1.0f) * row[column];
        }
        finish(job, out, out, stop - start);
    }
}

static INLINE void pool_as_compiled(const Job *job)
{
    if (job->weights)
        pool_weighted(job, 1);
    else
        pool_weighted(job, 0);
}

#ifdef ON_X86
FOR_AVX2 static void pool_by_avx2(const Job *job)
{
    pool_as_compiled(job);
}

/* Four tokens of a text: the products of a column's four codes are added up in one instruction or two. */
typedef struct {
    const int8_t *rows[GROUP_TOKENS];
    int32_t scales; /* a byte each; zeros behind the text's last token */
} Group;

static INLINE Group group_at(const Job *job, int64_t token, int64_t stop, Py_ssize_t column, int n_columns)
{
    Group group;
    const int8_t *block = job->codes + column;
    const int64_t n_left = stop - token, last = job->counting_offsets[job->n_texts] - TOKENS_AHEAD - GROUP_TOKENS;
    for (int k = 0; k < GROUP_TOKENS; k++)
        group.rows[k] = block + job->counting_rows[token + k] * job->stride;
    for (int k = 0; k < GROUP_TOKENS && token <= last; k++)
        for (int line = 0; line < n_columns; line += LINE_BYTES)
            PREFETCH(block + job->counting_rows[token + TOKENS_AHEAD + k] * job->stride + line);
    uint32_t scales;
    memcpy(&scales, job->counting_scales + token, sizeof scales);
    group.scales = (int32_t)(n_left < GROUP_TOKENS ? scales & ((1u << 8 * n_left) - 1) : scales);
    return group;
}

/* Sum 32 * n columns. Unpacking works in lanes of 16 bytes: a sum holds columns 4k to 4k + 3 of each lane. */
FOR_AVX2 static INLINE void sum_by_avx2(const Job *job, int64_t start, int64_t stop, Py_ssize_t column,
                                        const int n)
{
    __m256i sums[16];
    const __m256i ones = _mm256_set1_epi16(1);
    for (int k = 0; k < 4 * n; k++)
        sums[k] = _mm256_setzero_si256();
    for (int64_t token = start; token < stop; token += GROUP_TOKENS) {
        const Group group = group_at(job, token, stop, column, 32 * n);
        const __m256i scales = _mm256_set1_epi32(group.scales);
        UNROLL for (int h = 0; h < n; h++) {
            __m256i rows[GROUP_TOKENS], fours[4];
            for (int k = 0; k < GROUP_TOKENS; k++)
                rows[k] = _mm256_loadu_si256((const __m256i *)(group.rows[k] + 32 * h));
            const __m256i low = _mm256_unpacklo_epi8(rows[0], rows[1]), high = _mm256_unpackhi_epi8(rows[0], rows[1]);
            const __m256i low_2 = _mm256_unpacklo_epi8(rows[2], rows[3]);
            const __m256i high_2 = _mm256_unpackhi_epi8(rows[2], rows[3]);
            fours[0] = _mm256_unpacklo_epi16(low, low_2);
            fours[1] = _mm256_unpackhi_epi16(low, low_2);
            fours[2] = _mm256_unpacklo_epi16(high, high_2);
            fours[3] = _mm256_unpackhi_epi16(high, high_2);
            for (int k = 0; k < 4; k++) {
                const __m256i pairs = _mm256_maddubs_epi16(scales, fours[k]); /* 2 * 127 * 127 fits */
                sums[4 * h + k] = _mm256_add_epi32(sums[4 * h + k], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    float *out = job->sums + column;
    UNROLL for (int h = 0; h < n; h++)
        UNROLL for (int k = 0; k < 4; k++) {
            const __m256 sum = _mm256_cvtepi32_ps(sums[4 * h + k]);
            _mm_storeu_ps(out + 32 * h + 4 * k, _mm256_castps256_ps128(sum));
            _mm_storeu_ps(out + 32 * h + 16 + 4 * k, _mm256_extractf128_ps(sum, 1));
        }
}

/* Sum 64 * n columns: the same with twice as many lanes, and one instruction for the products. */
FOR_VNNI static INLINE void sum_by_vnni(const Job *job, int64_t start, int64_t stop, Py_ssize_t column,
                                        const int n)
{
    __m512i sums[16];
    for (int k = 0; k < 4 * n; k++)
        sums[k] = _mm512_setzero_si512();
    for (int64_t token = start; token < stop; token += GROUP_TOKENS) {
        const Group group = group_at(job, token, stop, column, 64 * n);
        const __m512i scales = _mm512_set1_epi32(group.scales);
        UNROLL for (int h = 0; h < n; h++) {
            __m512i rows[GROUP_TOKENS], fours[4];
            for (int k = 0; k < GROUP_TOKENS; k++)
                rows[k] = _mm512_loadu_si512(group.rows[k] + 64 * h);
            const __m512i low = _mm512_unpacklo_epi8(rows[0], rows[1]), high = _mm512_unpackhi_epi8(rows[0], rows[1]);
            const __m512i low_2 = _mm512_unpacklo_epi8(rows[2], rows[3]);
            const __m512i high_2 = _mm512_unpackhi_epi8(rows[2], rows[3]);
            fours[0] = _mm512_unpacklo_epi16(low, low_2);
            fours[1] = _mm512_unpackhi_epi16(low, low_2);
            fours[2] = _mm512_unpacklo_epi16(high, high_2);
            fours[3] = _mm512_unpackhi_epi16(high, high_2);
            for (int k = 0; k < 4; k++)
                sums[4 * h + k] = _mm512_dpbusd_epi32(sums[4 * h + k], scales, fours[k]);
        }
    }
    float *out = job->sums + column;
    UNROLL for (int h = 0; h < n; h++)
        UNROLL for (int k = 0; k < 4; k++) {
            const __m512 sum = _mm512_cvtepi32_ps(sums[4 * h + k]);
            _mm_storeu_ps(out + 64 * h + 4 * k, _mm512_castps512_ps128(sum));
            _mm_storeu_ps(out + 64 * h + 16 + 4 * k, _mm512_extractf32x4_ps(sum, 1));
            _mm_storeu_ps(out + 64 * h + 32 + 4 * k, _mm512_extractf32x4_ps(sum, 2));
            _mm_storeu_ps(out + 64 * h + 48 + 4 * k, _mm512_extractf32x4_ps(sum, 3));
        }
}

static INLINE void finish_codes(const Job *job, Py_ssize_t text)
{
    for (Py_ssize_t column = 0; column < job->stride; column++)
        job->sums[column] *= job->column_scale[column];
    const int64_t n_rows = job->counting_offsets[text + 1] - job->counting_offsets[text];
    finish(job, job->sums, job->out + text * job->dim, n_rows);
}

FOR_AVX2 static void pool_codes_by_avx2(const Job *job)
{
    for (Py_ssize_t text = 0; text < job->n_texts; text++) {
        const int64_t start = job->counting_offsets[text], stop = job->counting_offsets[text + 1];
        Py_ssize_t column = 0;
        for (; column + 128 <= job->stride; column += 128)
            sum_by_avx2(job, start, stop, column, 4);
        if (column < job->stride)
            sum_by_avx2(job, start, stop, column, 2);
        finish_codes(job, text);
    }
}

FOR_VNNI static void pool_codes_by_vnni(const Job *job)
{
    for (Py_ssize_t text = 0; text < job->n_texts; text++) {
        const int64_t start = job->counting_offsets[text], stop = job->counting_offsets[text + 1];
        Py_ssize_t column = 0;
        for (; column + 256 <= job->stride; column += 256)
            sum_by_vnni(job, start, stop, column, 4);
        for (; column < job->stride; column += 64)
            sum_by_vnni(job, start, stop, column, 1);
        finish_codes(job, text);
    }
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static int has_vnni(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

static int always(void)
{
    return 1;
}

typedef struct {
    const char *name;
    int takes_codes;
    int (*is_there)(void);
    void (*pool)(const Job *);
} Kernel;

/* The fastest come first. */
static const Kernel kernels[] = {
#ifdef ON_X86
    {"int8 vnni", 1, has_vnni, pool_codes_by_vnni},
    {"int8 avx2", 1, has_avx2, pool_codes_by_avx2},
    {"float32 avx2", 0, has_avx2, pool_by_avx2},
#endif
    {"float32", 0, always, pool_as_compiled},
};
enum { N_KERNELS = sizeof kernels / sizeof *kernels };

/* Give a kernel of this processor; an exception says that there is none. */
static const Kernel *kernel_of_name(const char *name)
{
    for (int k = 0; k < N_KERNELS; k++)
        if (!strcmp(kernels[k].name, name) && kernels[k].is_there())
            return &kernels[k];
    PyErr_Format(PyExc_ValueError, "expected a kernel of kernels(), found '%s'", name);
    return NULL;
}

/* Give whether the job is done; an exception says why it is not. */
static int run(Job *job, const Kernel *kernel)
{
    int is_done = 0;
    const size_t room = (size_t)job->n_ids + GROUP_TOKENS;
    job->counting_rows = PyMem_Malloc(sizeof(int32_t) * room);
    job->counting_weights = job->weights ? PyMem_Malloc(sizeof(float) * room) : NULL;
    job->counting_scales = job->scales ? PyMem_Malloc(room) : NULL;
    job->counting_offsets = PyMem_Malloc(sizeof(int64_t) * (size_t)(job->n_texts + 1));
    job->sums = job->codes ? PyMem_Malloc(sizeof(float) * (size_t)job->stride) : NULL;
    if (!job->counting_rows || !job->counting_offsets || (job->weights && !job->counting_weights) ||
        (job->codes && (!job->counting_scales || !job->sums)))
        PyErr_NoMemory();
    else {
        Fault fault;
        Py_BEGIN_ALLOW_THREADS
        fault = find_rows(job);
        if (!fault.message)
            kernel->pool(job);
        Py_END_ALLOW_THREADS
        is_done = !fault.message;
        if (!is_done)
            PyErr_Format(PyExc_IndexError, fault.message, fault.limit, fault.found);
    }
    PyMem_Free(job->counting_rows);
    PyMem_Free(job->counting_weights);
    PyMem_Free(job->counting_scales);
    PyMem_Free(job->counting_offsets);
    PyMem_Free(job->sums);
    return is_done;
}

enum { TABLE, COLUMN_SCALE, ROWS, FACTORS, COUNTS, IDS, OFFSETS, OUT, N_BUFFERS };

static Py_ssize_t length_of(const Py_buffer *buffer, size_t item_size)
{
    return buffer->len / (Py_ssize_t)item_size;
}

/* Give whether the arrays fit together, and the job that they make. */
static int read_job(const Py_buffer *buffers, int takes_codes, Job *job)
{
    const Py_buffer *factors = &buffers[FACTORS];
    job->rows = buffers[ROWS].buf;
    job->counts = buffers[COUNTS].buf;
    job->n_tokens = buffers[COUNTS].len;
    job->ids = buffers[IDS].buf;
    job->n_ids = length_of(&buffers[IDS], sizeof(int32_t));
    job->offsets = buffers[OFFSETS].buf;
    job->n_texts = length_of(&buffers[OFFSETS], sizeof(int64_t)) - 1;
    job->out = buffers[OUT].buf;
    if (job->dim < 1 || job->n_texts < 0 || job->dim > PY_SSIZE_T_MAX / (job->n_texts + 1) ||
        length_of(&buffers[OUT], sizeof(float)) != job->n_texts * job->dim ||
        (job->rows && length_of(&buffers[ROWS], sizeof(int32_t)) != job->n_tokens) ||
        takes_codes != (buffers[COLUMN_SCALE].buf != NULL))
        return 0;
    if (takes_codes) {
        job->codes = buffers[TABLE].buf;
        job->column_scale = buffers[COLUMN_SCALE].buf;
        job->stride = length_of(&buffers[COLUMN_SCALE], sizeof(float));
        job->scales = factors->buf;
        job->n_rows = job->stride ? buffers[TABLE].len / job->stride : 0;
        return job->stride >= job->dim && job->stride % BLOCK_COLUMNS == 0 && job->scales &&
               factors->len == job->n_tokens;
    }
    job->table = buffers[TABLE].buf;
    job->stride = job->dim;
    job->weights = factors->buf;
    job->n_rows = length_of(&buffers[TABLE], sizeof(float)) / job->dim;
    return !job->weights || length_of(factors, sizeof(float)) == job->n_tokens;
}

static PyObject *pool_rows(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer buffers[N_BUFFERS];
    const char *name;
    Job job = {0};
    if (!PyArg_ParseTuple(arguments, "sy*z*nz*z*y*y*y*pw*:pool", &name, &buffers[TABLE], &buffers[COLUMN_SCALE],
                          &job.dim, &buffers[ROWS], &buffers[FACTORS], &buffers[COUNTS], &buffers[IDS],
                          &buffers[OFFSETS], &job.normalize, &buffers[OUT]))
        return NULL;
    int is_done = 0;
    const Kernel *kernel = kernel_of_name(name);
    if (kernel && !read_job(buffers, kernel->takes_codes, &job))
        PyErr_SetString(PyExc_ValueError,
                        "column_scale, rows, factors and counts, and offsets and out, must fit together");
    else if (kernel)
        is_done = run(&job, kernel);
    for (int k = 0; k < N_BUFFERS; k++)
        PyBuffer_Release(&buffers[k]);
    if (!is_done)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *list_kernels(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(arguments))
{
    PyObject *names = PyList_New(0);
    for (int k = 0; names && k < N_KERNELS; k++) {
        PyObject *name = kernels[k].is_there() ? PyUnicode_FromString(kernels[k].name) : NULL;
        if (name && PyList_Append(names, name))
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

static PyMethodDef methods[] = {
    {"pool", pool_rows, METH_VARARGS,
     "pool(kernel, table, column_scale, dim, rows, factors, counts, ids, offsets, normalize, out)\n\n"
     "See m2v_onnx.runtime.row_mean.CompiledPooling."},
    {"kernels", list_kernels, METH_NOARGS,
     "kernels()\n\nThe names of the kernels that this processor can run, the fastest first."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_row_sums", .m_methods = methods};

PyMODINIT_FUNC PyInit__row_sums(void)
{
    return PyModuleDef_Init(&module);
}
