/* word_piece.c for Python: the type WordPiece, made once for a vocabulary and asked by many threads. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "word_piece.h"

typedef struct {
    PyObject_HEAD
    WordPiece tokens;
} WordPieceObject;

/* Look at a string where it lies. Give whether that was possible; else an exception says why it was not. */
static int read_text(PyObject *string, Text *text)
{
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(string))
        return 0;
#endif
    *text = (Text){PyUnicode_DATA(string), PyUnicode_GET_LENGTH(string), (int)PyUnicode_KIND(string),
                   PyUnicode_IS_ASCII(string)};
    return 1;
}

/* Look at strings where they lie. Give whether all are strings; else an exception says which is none. */
static int read_texts(PyObject *tuple, Text *texts)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *text = PyTuple_GET_ITEM(tuple, i);
        if (!PyUnicode_Check(text)) {
            PyErr_Format(PyExc_TypeError, "texts[%zd] must be a string, found %s", i, Py_TYPE(text)->tp_name);
            return 0;
        }
        if (!read_text(text, &texts[i]))
            return 0;
    }
    return 1;
}

/* Give a list of the places in an array whose values are not `usual`. */
static PyObject *unusual_places(const uint8_t *values, Py_ssize_t n, uint8_t usual)
{
    PyObject *places = PyList_New(0);
    for (Py_ssize_t i = 0; places && i < n; i++) {
        if (values[i] == usual)
            continue;
        PyObject *place = PyLong_FromSsize_t(i);
        if (!place || PyList_Append(places, place))
            Py_CLEAR(places);
        Py_XDECREF(place);
    }
    return places;
}

static PyObject *tokenize(PyObject *object, PyObject *argument)
{
    const WordPiece *self = &((const WordPieceObject *)object)->tokens;
    PyObject *tuple = PySequence_Tuple(argument); /* that the strings stay while the lock is let go */
    if (!tuple)
        return NULL;
    const Py_ssize_t n_texts = PyTuple_GET_SIZE(tuple);
    PyObject *result = NULL, *offsets = PyBytes_FromStringAndSize(NULL, (n_texts + 1) * (Py_ssize_t)sizeof(int64_t));
    Text *texts = PyMem_Malloc((size_t)n_texts * sizeof *texts);
    uint8_t *is_taken = PyMem_Malloc((size_t)n_texts);
    Work *work = new_work(self);
    if (!offsets || !texts || !is_taken || !work)
        PyErr_NoMemory();
    else if (read_texts(tuple, texts)) {
        int is_done;
        Py_BEGIN_ALLOW_THREADS
        is_done = tokenize_texts(self, work, texts, n_texts, (int64_t *)PyBytes_AS_STRING(offsets), is_taken);
        Py_END_ALLOW_THREADS
        if (is_done)
            result = Py_BuildValue("y#ONN", work->ids ? (const char *)work->ids : "",
                                   (Py_ssize_t)(work->n_ids * sizeof *work->ids), offsets,
                                   unusual_places(is_taken, n_texts, 1),
                                   unusual_places(work->missing, work->is_missing ? N_PAGES : 0, 0));
        else
            PyErr_NoMemory();
    }
    free_work(work);
    PyMem_Free(is_taken);
    PyMem_Free(texts);
    Py_XDECREF(offsets);
    Py_DECREF(tuple);
    return result;
}

/* Make a page of 256 pairs; NULL with an exception when one does not fit. */
static Page *read_page(PyObject *pairs)
{
    Page *page = new_page();
    if (!page)
        return (Page *)PyErr_NoMemory();
    for (int c = 0; c < PAGE; c++) {
        int kind;
        const char *form;
        Py_ssize_t size;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(pairs, c), "iy#:learn", &kind, &form, &size))
            goto failed;
        if (!add_character(page, c, kind, form, (size_t)size)) {
            PyErr_Format(PyExc_ValueError,
                         "a character must have a kind from %d to %d and a form of %d bytes at most, a word of 1", GAP,
                         REFUSED, MOST_FORM_BYTES);
            goto failed;
        }
    }
    return page;
failed:
    free_page(page);
    return NULL;
}

static PyObject *learn(PyObject *object, PyObject *arguments)
{
    WordPiece *self = &((WordPieceObject *)object)->tokens;
    PyObject *pairs;
    int number;
    if (!PyArg_ParseTuple(arguments, "iO!:learn", &number, &PyList_Type, &pairs))
        return NULL;
    if (number < 0 || number >= N_PAGES || PyList_GET_SIZE(pairs) != PAGE)
        return PyErr_Format(PyExc_ValueError, "expected a page from 0 to %d and %d characters", N_PAGES - 1, PAGE);
    if (!self->pages[number]) { /* else other threads may be reading it */
        Page *page = read_page(pairs);
        if (!page)
            return NULL;
        learn_page(self, number, page);
    }
    Py_RETURN_NONE;
}

/* Add a vocabulary. Give whether that was possible; else an exception says why it was not. */
static int add_vocab(WordPiece *self, PyObject *vocab, const char *prefix, Py_ssize_t prefix_size)
{
    PyObject *token, *number;
    Py_ssize_t place = 0, size;
    size_t n_bytes = 0, n_entries = 0;
    while (PyDict_Next(vocab, &place, &token, NULL)) {
        const char *bytes = PyUnicode_AsUTF8AndSize(token, &size);
        if (!bytes)
            return 0;
        n_bytes += (size_t)size;
        n_entries += n_entries_of(bytes, (size_t)size, prefix, (size_t)prefix_size);
    }
    if (!start_tokens(self, n_entries, n_bytes)) {
        PyErr_NoMemory();
        return 0;
    }
    for (place = 0; PyDict_Next(vocab, &place, &token, &number);) {
        const char *bytes = PyUnicode_AsUTF8AndSize(token, &size);
        const long id = PyLong_AsLong(number);
        if (!bytes || (id == -1 && PyErr_Occurred()))
            return 0;
        add_token(self, bytes, (size_t)size, PyUnicode_GET_LENGTH(token), prefix, (size_t)prefix_size, (int32_t)id);
    }
    return 1;
}

static int add_stops(WordPiece *self, PyObject *stops)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stops); i++) {
        PyObject *stop = PyList_GET_ITEM(stops, i);
        const Py_ssize_t length = PyUnicode_Check(stop) ? PyUnicode_GetLength(stop) : 0;
        const Py_UCS4 first = length ? PyUnicode_ReadChar(stop, 0) : 0;
        Text text;
        if (first < 1 || first > 0x7F) {
            PyErr_SetString(PyExc_ValueError, "an added token must begin with an ASCII character");
            return 0;
        }
        if (!read_text(stop, &text))
            return 0;
        if (!add_stop(self, &text)) {
            PyErr_NoMemory();
            return 0;
        }
    }
    return 1;
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *Py_UNUSED(names))
{
    PyObject *vocab, *stops;
    const char *prefix;
    Py_ssize_t prefix_size, most_characters;
    int unk_id;
    if (!PyArg_ParseTuple(arguments, "O!s#inO!:WordPiece", &PyDict_Type, &vocab, &prefix, &prefix_size, &unk_id,
                          &most_characters, &PyList_Type, &stops))
        return NULL;
    if (most_characters < 0 || most_characters > MOST_CHARACTERS)
        return PyErr_Format(PyExc_ValueError, "expected words of 0 to %d characters, found %zd", MOST_CHARACTERS,
                            most_characters);
    WordPieceObject *object = (WordPieceObject *)type->tp_alloc(type, 0);
    if (!object)
        return NULL;
    object->tokens.unk_id = unk_id;
    object->tokens.most_characters = most_characters;
    if (!add_vocab(&object->tokens, vocab, prefix, prefix_size) || !add_stops(&object->tokens, stops)) {
        Py_DECREF(object);
        return NULL;
    }
    return (PyObject *)object;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    free_tokens(&((WordPieceObject *)object)->tokens);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"tokenize", tokenize, METH_O,
     "tokenize(texts)\n\nThe ids, their offsets, the texts that were not taken and the pages that are missing."},
    {"learn", learn, METH_VARARGS,
     "learn(page, characters)\n\nTake a kind and a UTF-8 form for each of 256 code points."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     "WordPiece(vocab, prefix, unk_id, most_characters, stops, /)\n\n"
     "WordPiece behind BERT's normalizer and pre-tokenizer. See m2v_onnx.runtime.word_piece."},
    {Py_tp_new, new},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {0, NULL}};

static PyType_Spec specification = {
    .name = "m2v_onnx.native._word_piece.WordPiece",
    .basicsize = sizeof(WordPieceObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

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

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_word_piece", .m_slots = module_slots};

PyMODINIT_FUNC PyInit__word_piece(void)
{
    return PyModuleDef_Init(&module);
}
