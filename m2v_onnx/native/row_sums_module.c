/* row_sums.c for Python: the type RowSums, made once for a table and asked by many threads. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "row_sums.h"

enum { TABLE, COUNTS, COLUMN_SCALE, ROWS, FACTORS, N_BUFFERS };

typedef struct {
    PyObject_HEAD
    const Kernel *kernel;
    RowTable table;
    Py_buffer buffers[N_BUFFERS]; /* that the table points into, held as long as it lives */
} RowSums;

static Py_ssize_t length_of(const Py_buffer *buffer, size_t item_size)
{
    return buffer->len / (Py_ssize_t)item_size;
}

/* Fill in a table of int8. Give whether its arrays fit together. */
static int read_codes(const Py_buffer *buffers, RowTable *table)
{
    table->codes = buffers[TABLE].buf;
    table->column_scale = buffers[COLUMN_SCALE].buf;
    table->stride = length_of(&buffers[COLUMN_SCALE], sizeof(float));
    table->scales = buffers[FACTORS].buf;
    table->n_rows = table->stride ? buffers[TABLE].len / table->stride : 0;
    return table->column_scale && table->stride >= table->dim && table->stride % BLOCK_COLUMNS == 0 &&
           buffers[TABLE].len == table->n_rows * table->stride && table->scales &&
           buffers[FACTORS].len == table->n_tokens;
}

/* Fill in a table of float32. Give whether its arrays fit together. */
static int read_floats(const Py_buffer *buffers, RowTable *table)
{
    table->table = buffers[TABLE].buf;
    table->stride = table->dim;
    table->weights = buffers[FACTORS].buf;
    table->n_rows = length_of(&buffers[TABLE], sizeof(float)) / table->dim;
    return !buffers[COLUMN_SCALE].buf &&
           buffers[TABLE].len == table->n_rows * table->dim * (Py_ssize_t)sizeof(float) &&
           (!table->weights || length_of(&buffers[FACTORS], sizeof(float)) == table->n_tokens);
}

static int read_table(const Py_buffer *buffers, int takes_codes, RowTable *table)
{
    table->counts = buffers[COUNTS].buf;
    table->n_tokens = buffers[COUNTS].len;
    table->rows = buffers[ROWS].buf;
    return table->dim >= 1 && (takes_codes ? read_codes : read_floats)(buffers, table) && table->n_rows >= 1 &&
           (!table->rows || length_of(&buffers[ROWS], sizeof(int32_t)) == table->n_tokens);
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"", "", "", "", "normalize", "column_scale", "rows", "factors", NULL};
    const char *kernel;
    RowSums *self = (RowSums *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    Py_buffer *buffers = self->buffers;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "sy*ny*|$pz*z*z*:RowSums", names, &kernel, &buffers[TABLE],
                                     &self->table.dim, &buffers[COUNTS], &self->table.normalize,
                                     &buffers[COLUMN_SCALE], &buffers[ROWS], &buffers[FACTORS]))
        goto failed;
    self->kernel = find_kernel(kernel);
    if (!self->kernel) {
        PyErr_Format(PyExc_ValueError, "expected a kernel of kernels(), found '%s'", kernel);
        goto failed;
    }
    if (!read_table(buffers, self->kernel->takes_codes, &self->table)) {
        PyErr_SetString(PyExc_ValueError, "table, dim, counts, column_scale, rows and factors must fit together");
        goto failed;
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static void dealloc(PyObject *object)
{
    RowSums *self = (RowSums *)object;
    PyTypeObject *type = Py_TYPE(object);
    for (int k = 0; k < N_BUFFERS; k++)
        PyBuffer_Release(&self->buffers[k]);
    type->tp_free(object);
    Py_DECREF(type);
}

/* Give whether the arrays of a call fit together, and the batch that they make. */
static int read_batch(const Py_buffer *ids, const Py_buffer *offsets, const Py_buffer *out, Py_ssize_t dim,
                      Batch *batch)
{
    batch->ids = ids->buf;
    batch->n_ids = length_of(ids, sizeof(int32_t));
    batch->offsets = offsets->buf;
    batch->n_texts = length_of(offsets, sizeof(int64_t)) - 1;
    batch->out = out->buf;
    return batch->n_texts >= 0 && dim <= PY_SSIZE_T_MAX / (batch->n_texts + 1) &&
           length_of(out, sizeof(float)) == batch->n_texts * dim;
}

static PyObject *mean(PyObject *object, PyObject *arguments)
{
    const RowSums *self = (const RowSums *)object;
    Py_buffer ids, offsets, out;
    Batch batch;
    if (!PyArg_ParseTuple(arguments, "y*y*w*:mean", &ids, &offsets, &out))
        return NULL;
    Fault fault = {.outcome = DONE};
    const int fits = read_batch(&ids, &offsets, &out, self->table.dim, &batch);
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        fault = write_means(self->kernel, &self->table, &batch);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&ids);
    PyBuffer_Release(&offsets);
    PyBuffer_Release(&out);
    if (!fits)
        return PyErr_Format(PyExc_ValueError, "ids, offsets and out must fit together, and out the table");
    if (fault.outcome == NO_MEMORY)
        return PyErr_NoMemory();
    if (fault.outcome == OUTSIDE)
        return PyErr_Format(PyExc_IndexError, fault.message, fault.limit, fault.found);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"mean", mean, METH_VARARGS,
     "mean(ids, offsets, out)\n\n"
     "Write the mean of each text's rows, or its unit vector, into out. See m2v_onnx.runtime.row_mean."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "RowSums(kernel, table, dim, counts, /, *, normalize=False, column_scale=None, rows=None, factors=None)\n\n"
     "Rows of a table, float32 or int8, ready to be averaged. The arrays are not copied."},
    {Py_tp_new, new},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {0, NULL}};

static PyType_Spec specification = {
    .name = "m2v_onnx.native._row_sums.RowSums",
    .basicsize = sizeof(RowSums),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

static PyObject *list_kernels(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(arguments))
{
    PyObject *names = PyList_New(0);
    for (int k = 0; names && k < n_kernels; k++) {
        PyObject *name = kernels[k].is_there() ? PyUnicode_FromString(kernels[k].name) : NULL;
        if (name ? PyList_Append(names, name) : PyErr_Occurred() != NULL)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

static PyMethodDef functions[] = {
    {"kernels", list_kernels, METH_NOARGS,
     "kernels()\n\nThe names of the kernels that this processor can run, the fastest first."},
    {NULL, NULL, 0, NULL}};

static int fill_module(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&specification);
    if (!type)
        return -1;
    const int outcome = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return outcome;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, fill_module},
#ifdef Py_MOD_PER_INTERPRETER_GIL_SUPPORTED
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED}, /* nothing is shared but constants */
#endif
    {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_row_sums", .m_methods = functions, .m_slots = module_slots};

PyMODINIT_FUNC PyInit__row_sums(void)
{
    return PyModuleDef_Init(&module);
}
