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
    const int32_t *rows;  /* (n_tokens,), the row of each token; NULL for the identity */
    const float *weights; /* (n_tokens,), a factor for each token; NULL for ones */
    Py_ssize_t n_tokens;
    const int32_t *ids;     /* (n_ids,), texts one behind the other */
    const int64_t *offsets; /* (n_texts + 1,), where each begins, and where the last ends */
    Py_ssize_t n_ids, n_texts;
    int normalize;
    float *out; /* (n_texts, dim) */
} Job;

static INLINE const float *row_of(const Job *job, int32_t id)
{
    return job->table + (Py_ssize_t)(job->rows ? job->rows[id] : id) * job->dim;
}

static INLINE void finish(const Job *job, float *out, int64_t n_ids)
{
    float factor = n_ids ? 1.0f / (float)n_ids : 1.0f;
    if (job->normalize) { /* a unit vector is that of the sum, too */
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

static INLINE void pool_as_compiled(const Job *job)
{
    const Py_ssize_t n_whole = job->dim - job->dim % BLOCK_COLUMNS;
    const int64_t last = job->offsets[job->n_texts] - TOKENS_AHEAD;
    for (Py_ssize_t text = 0; text < job->n_texts; text++) {
        const int64_t start = job->offsets[text], stop = job->offsets[text + 1];
        float *out = job->out + text * job->dim;
        for (Py_ssize_t column = 0; column < n_whole; column += BLOCK_COLUMNS) {
            lanes sums[BLOCK_LANES] = {0};
            for (int64_t token = start; token < stop; token++) {
                const int32_t id = job->ids[token];
                const float *row = row_of(job, id) + column;
                const float weight = job->weights ? job->weights[id] : 1.0f;
                if (token < last) {
                    const float *next = row_of(job, job->ids[token + TOKENS_AHEAD]) + column;
                    for (int k = 0; k < BLOCK_COLUMNS; k += LINE_COLUMNS)
                        PREFETCH(next + k);
                }
                for (int k = 0; k < BLOCK_LANES; k++)
                    sums[k] += weight * ((const lanes *)row)[k];
            }
            for (int k = 0; k < BLOCK_LANES; k++)
                ((lanes *)(out + column))[k] = sums[k];
        }
        for (Py_ssize_t column = n_whole; column < job->dim; column++)
            out[column] = 0;
        for (int64_t token = start; token < stop && n_whole < job->dim; token++) {
            const int32_t id = job->ids[token];
            const float *row = row_of(job, id);
            const float weight = job->weights ? job->weights[id] : 1.0f;
            for (Py_ssize_t column = n_whole; column < job->dim; column++)
                out[column] += weight * row[column];
        }
        finish(job, out, stop - start);
    }
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

/* Raise for what would be read or written outside of the arrays. */
static int check(const Job *job, Py_ssize_t n_table, Py_ssize_t n_weights, Py_ssize_t n_out)
{
    if (job->dim < 1 || n_table != job->n_rows * job->dim || n_out != job->n_texts * job->dim ||
        (job->weights && n_weights != job->n_tokens)) {
        PyErr_SetString(PyExc_ValueError, "table, weights, offsets and out must fit together");
        return 0;
    }
    int64_t before = 0;
    for (Py_ssize_t text = 0; text <= job->n_texts; text++) {
        if (job->offsets[text] < before || job->offsets[text] > job->n_ids) {
            PyErr_Format(PyExc_IndexError, "offset %zd must lie between the one before and %zd", text, job->n_ids);
            return 0;
        }
        before = job->offsets[text];
    }
    for (Py_ssize_t token = 0; token < job->n_ids; token++) {
        const int32_t id = job->ids[token];
        if (id < 0 || id >= job->n_tokens) {
            PyErr_Format(PyExc_IndexError, "token id %d must lie between 0 and %zd", (int)id, job->n_tokens - 1);
            return 0;
        }
        if (job->rows && (job->rows[id] < 0 || job->rows[id] >= job->n_rows)) {
            PyErr_Format(PyExc_IndexError, "row %d must lie between 0 and %zd", (int)job->rows[id], job->n_rows - 1);
            return 0;
        }
    }
    return 1;
}

static PyObject *pool_rows(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer table, rows, weights, ids, offsets, out;
    Job job;
    if (!PyArg_ParseTuple(arguments, "y*nz*z*y*y*pw*:pool", &table, &job.dim, &rows, &weights, &ids, &offsets,
                          &job.normalize, &out))
        return NULL;
    const Py_ssize_t n_table = table.len / (Py_ssize_t)sizeof(float);
    job.table = table.buf;
    job.n_rows = job.dim > 0 ? n_table / job.dim : 0;
    job.rows = rows.buf;
    job.weights = weights.buf;
    job.n_tokens = rows.buf ? rows.len / (Py_ssize_t)sizeof(int32_t) : job.n_rows;
    job.ids = ids.buf;
    job.n_ids = ids.len / (Py_ssize_t)sizeof(int32_t);
    job.offsets = offsets.buf;
    job.n_texts = offsets.len / (Py_ssize_t)sizeof(int64_t) - 1;
    job.out = out.buf;
    const int is_sound = check(&job, n_table, weights.len / (Py_ssize_t)sizeof(float),
                               out.len / (Py_ssize_t)sizeof(float));
    if (is_sound) {
        Py_BEGIN_ALLOW_THREADS
        pool(&job);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&table);
    PyBuffer_Release(&rows);
    PyBuffer_Release(&weights);
    PyBuffer_Release(&ids);
    PyBuffer_Release(&offsets);
    PyBuffer_Release(&out);
    if (!is_sound)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"pool", pool_rows, METH_VARARGS,
     "pool(table, dim, rows, weights, ids, offsets, normalize, out)\n\nSee m2v_onnx.runtime.pooling.RowSums."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_row_sums", .m_size = 0, .m_methods = methods};

PyMODINIT_FUNC PyInit__row_sums(void)
{
    return PyModuleDef_Init(&module);
}
