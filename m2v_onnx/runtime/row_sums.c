/* The mean of each text's rows of a table: the inner loop of `encode`.

   A block of columns is summed in registers over all tokens of a text, while the rows of the tokens to come are
   fetched: what is left is the time that the memory needs. The order of the sum is that of the tokens, so that
   the texts beside a text do not change its bits. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>

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
    TOKENS_AHEAD = 8
};

typedef struct {
    const float *table; /* (n_rows, dim) */
    Py_ssize_t n_rows, dim;
    const int32_t *rows;   /* (n_tokens,), the row of each token; NULL for the identity */
    const float *weights;  /* (n_tokens,), a factor for each token; NULL for ones */
    const uint8_t *counts; /* (n_tokens,), whether a token takes part in the mean */
    Py_ssize_t n_tokens;
    const int32_t *ids;     /* (n_ids,), texts one behind the other */
    const int64_t *offsets; /* (n_texts + 1,), where each begins, and where the last ends */
    Py_ssize_t n_ids, n_texts;
    int normalize;
    float *out; /* (n_texts, dim) */
    /* The rows and weights of the tokens that count, and where those of each text begin. */
    int32_t *counting_rows; /* (n_ids,) at most */
    float *counting_weights;
    int64_t *counting_offsets; /* (n_texts + 1,) */
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
            n_counting += job->counts[id] != 0;
        }
    }
    job->counting_offsets[job->n_texts] = n_counting;
    return (Fault){0};
}

/* Divide a sum by the number of its rows, or by its own length: a unit vector is that of the sum, too. */
static INLINE void finish(const Job *job, float *out, int64_t n_rows)
{
    float factor = n_rows ? 1.0f / (float)n_rows : 1.0f;
    if (job->normalize) {
        float partial[LINE_COLUMNS] = {0}, sum = 0;
        Py_ssize_t column = 0;
        for (; column + LINE_COLUMNS <= job->dim; column += LINE_COLUMNS)
            for (int k = 0; k < LINE_COLUMNS; k++)
                partial[k] += out[column + k] * out[column + k];
        for (; column < job->dim; column++)
            sum += out[column] * out[column];
        for (int k = 0; k < LINE_COLUMNS; k++)
            sum += partial[k];
        factor = 1.0f / (sqrtf(sum) + 1e-32f);
    }
    for (Py_ssize_t column = 0; column < job->dim; column++)
        out[column] *= factor;
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
        finish(job, out, stop - start);
    }
}

static INLINE void pool_as_compiled(const Job *job)
{
    if (job->weights)
        pool_weighted(job, 1);
    else
        pool_weighted(job, 0);
}

#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx2"))) static void pool_by_avx2(const Job *job)
{
    pool_as_compiled(job);
}
#endif

static void pool(const Job *job)
{
#if defined(__GNUC__) && defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        pool_by_avx2(job);
        return;
    }
#endif
    pool_as_compiled(job);
}

/* Give whether the job is done; an exception says why it is not. */
static int run(Job *job)
{
    int is_done = 0;
    job->counting_rows = PyMem_Malloc(sizeof(int32_t) * (size_t)(job->n_ids + 1));
    job->counting_weights = job->weights ? PyMem_Malloc(sizeof(float) * (size_t)(job->n_ids + 1)) : NULL;
    job->counting_offsets = PyMem_Malloc(sizeof(int64_t) * (size_t)(job->n_texts + 1));
    if (!job->counting_rows || !job->counting_offsets || (job->weights && !job->counting_weights))
        PyErr_NoMemory();
    else {
        Fault fault;
        Py_BEGIN_ALLOW_THREADS
        fault = find_rows(job);
        if (!fault.message)
            pool(job);
        Py_END_ALLOW_THREADS
        is_done = !fault.message;
        if (!is_done)
            PyErr_Format(PyExc_IndexError, fault.message, fault.limit, fault.found);
    }
    PyMem_Free(job->counting_rows);
    PyMem_Free(job->counting_weights);
    PyMem_Free(job->counting_offsets);
    return is_done;
}

static Py_ssize_t length_of(const Py_buffer *buffer, size_t item_size)
{
    return buffer->len / (Py_ssize_t)item_size;
}

static PyObject *pool_rows(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer table, rows, weights, counts, ids, offsets, out;
    Job job = {0};
    if (!PyArg_ParseTuple(arguments, "y*nz*z*y*y*y*pw*:pool", &table, &job.dim, &rows, &weights, &counts, &ids,
                          &offsets, &job.normalize, &out))
        return NULL;
    job.table = table.buf;
    job.n_rows = job.dim > 0 ? length_of(&table, sizeof(float)) / job.dim : 0;
    job.rows = rows.buf;
    job.weights = weights.buf;
    job.counts = counts.buf;
    job.n_tokens = counts.len;
    job.ids = ids.buf;
    job.n_ids = length_of(&ids, sizeof(int32_t));
    job.offsets = offsets.buf;
    job.n_texts = length_of(&offsets, sizeof(int64_t)) - 1;
    job.out = out.buf;
    int is_done = 0;
    if (job.dim < 1 || job.n_texts < 0 || job.dim > PY_SSIZE_T_MAX / (job.n_texts + 1) || length_of(&out, sizeof(float)) != job.n_texts * job.dim ||
        (rows.buf && length_of(&rows, sizeof(int32_t)) != job.n_tokens) ||
        (weights.buf && length_of(&weights, sizeof(float)) != job.n_tokens))
        PyErr_SetString(PyExc_ValueError, "rows, weights and counts, and offsets and out, must fit together");
    else
        is_done = run(&job);
    PyBuffer_Release(&table);
    PyBuffer_Release(&rows);
    PyBuffer_Release(&weights);
    PyBuffer_Release(&counts);
    PyBuffer_Release(&ids);
    PyBuffer_Release(&offsets);
    PyBuffer_Release(&out);
    if (!is_done)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"pool", pool_rows, METH_VARARGS,
     "pool(table, dim, rows, weights, counts, ids, offsets, normalize, out)\n\n"
     "See m2v_onnx.runtime.pooling.CompiledPooling."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_row_sums", .m_methods = methods};

PyMODINIT_FUNC PyInit__row_sums(void)
{
    return PyModuleDef_Init(&module);
}
