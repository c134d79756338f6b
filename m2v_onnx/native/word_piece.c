/* WordPiece behind BERT's normalizer and pre-tokenizer: the words of a text, looked up whole, else cut from the
   front into the longest tokens.

   What the normalizer and the pre-tokenizer do to a character does not depend on the characters around it. It is
   learnt from the tokenizers library, by pages of 256 code points, when a text first needs one. A text that needs
   a page still, or holds what this code does not take, is named to the caller. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are compared as little-endian numbers"
#endif

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if defined(__GNUC__)
#define INLINE inline __attribute__((always_inline))
#define PUBLISH(place, value) __atomic_store_n(place, value, __ATOMIC_RELEASE)
#define PUBLISHED(place) __atomic_load_n(place, __ATOMIC_ACQUIRE)
#define LOWEST_BIT(bits) __builtin_ctzll(bits)
#define HIGHEST_BIT(bits) (31 - __builtin_clz(bits))
#else
#include <intrin.h>
#define INLINE inline
#define PUBLISH(place, value) _InterlockedExchangePointer((void *volatile *)(place), value)
#define PUBLISHED(place) _InterlockedCompareExchangePointer((void *volatile *)(place), NULL, NULL)
static inline int LOWEST_BIT(uint64_t bits)
{
    unsigned long index;
    _BitScanForward64(&index, bits);
    return (int)index;
}
static inline int HIGHEST_BIT(uint32_t bits)
{
    unsigned long index;
    _BitScanReverse(&index, bits);
    return (int)index;
}
#endif

#define CONTINUES ((uint32_t)1 << 31) /* in a size: the token continues a word */

enum {
    PAGE = 256,
    N_PAGES = 0x110000 / PAGE,
    MOST_FORM_BYTES = 63, /* of one character */
    BLOCK = 64,           /* characters that are sorted at once */
    SEGMENT = 2048,       /* bytes of blocks in a row that end within a word */
    MARGIN = 16,          /* bytes that may be read behind a word */
    MOST_CHARACTERS = 10000,
    FILTER_BITS = 19
};

/* What a character does: its form joins the word, or ends it and is a word by itself, or it only ends the word. */
typedef enum { GAP, WORD, ALONE, REFUSED } Kind;

typedef struct {
    uint32_t start; /* of its form, in bytes of the page */
    uint8_t size, kind;
} Character;

typedef struct {
    Character characters[PAGE];
    uint8_t forms[]; /* UTF-8, and MARGIN bytes */
} Page;

/* A token in the hash table: key is its UTF-8 form, or a hash of it beyond eight bytes. */
typedef struct {
    uint64_t key;
    uint32_t size; /* in bytes, with CONTINUES; 0 for an empty slot */
    int32_t id;
} Slot;

typedef struct {
    PyObject_HEAD
    Slot *slots;    /* linear probing; half of them are free */
    size_t *starts; /* (n_slots,), of a token's bytes in `tokens` */
    size_t n_slots;
    int shift;         /* from a hash to a slot */
    uint64_t *filter;  /* a bit for every hash of a token, to pass over what is no token */
    uint8_t *tokens;   /* UTF-8, and MARGIN bytes */
    size_t longest;    /* token's bytes */
    int32_t unk_id;
    Py_ssize_t most_characters; /* of a word that is cut */
    Page *pages[N_PAGES];       /* NULL where not learnt */
    int lowers, is_plain;       /* whether ASCII is made lower case, and else as `take_ascii` has it */
    uint32_t *stops; /* strings that a text must not hold: their lengths and code points, one behind the other */
    size_t stops_size;
    char stop_starts[128]; /* the characters that they begin with, as a string */
} WordPiece;

/* A text as its str holds it. */
typedef struct {
    const void *data;
    Py_ssize_t length;
    int kind;     /* bytes a character */
    int is_ascii;
} Text;

/* What a call works with. */
typedef struct {
    uint8_t *bytes; /* a stretch of normalised text */
    int32_t *ids;
    size_t n_ids, room;       /* of ids */
    int is_missing;           /* whether texts need pages that were not learnt */
    uint8_t missing[N_PAGES]; /* whether it is this one */
} Work;

/* What became of a text; the other texts go on. */
typedef enum { DONE, NOT_TAKEN, NO_MEMORY } Outcome;

static INLINE uint64_t eight_bytes(const uint8_t *bytes)
{
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return number;
}

/* Give ones in the first 1 to 8 bytes. */
static INLINE uint64_t low_bytes(int n)
{
    return ~(uint64_t)0 >> (64 - 8 * n);
}

static INLINE uint64_t key_of(const uint8_t *bytes, size_t size)
{
    uint64_t key = eight_bytes(bytes);
    if (size < 8)
        return key & low_bytes((int)size);
    for (size_t at = 8; at < size; at += 8) { /* the last eight bytes may overlap those before */
        key *= 0x9E3779B97F4A7C15u;
        key = (key ^ (key >> 29)) + eight_bytes(bytes + (at + 8 <= size ? at : size - 8));
    }
    return key;
}

static INLINE uint64_t hash_of(uint64_t key, uint32_t size)
{
    return (key + size) * 0x9E3779B97F4A7C15u;
}

static INLINE int is_same(const uint8_t *one, const uint8_t *other, size_t size)
{
    if (size <= 16)
        return eight_bytes(one) == eight_bytes(other) && eight_bytes(one + size - 8) == eight_bytes(other + size - 8);
    return !memcmp(one, other, size);
}

/* Give the id of a token; -1 for none. */
static INLINE int32_t find(const WordPiece *self, const uint8_t *bytes, uint32_t n, uint32_t flag, uint64_t key,
                           uint64_t hash)
{
    const uint32_t size = n | flag;
    for (size_t at = hash >> self->shift;; at = (at + 1) & (self->n_slots - 1)) {
        const Slot *slot = &self->slots[at];
        if (slot->key == key && slot->size == size &&
            (n <= 8 || is_same(self->tokens + self->starts[at], bytes, n)))
            return slot->id;
        if (!slot->size)
            return -1;
    }
}

static INLINE uint32_t may_be_token(const WordPiece *self, uint64_t hash)
{
    const uint64_t bit = hash >> (64 - FILTER_BITS);
    return self->filter[bit / 64] >> (bit % 64) & 1;
}

/* Find the longest token that `rest` of a word begins with. Give its id, or -1, and its bytes. */
static INLINE int32_t find_longest(const WordPiece *self, const uint8_t *rest, size_t most, uint32_t flag, size_t *n)
{
    const uint64_t first = eight_bytes(rest);
    const int n_short = most < 8 ? (int)most : 8;
    int32_t id = -1;
    for (*n = most < self->longest ? most : self->longest; *n > 8; --*n) {
        const uint64_t key = key_of(rest, *n), hash = hash_of(key, (uint32_t)*n | flag);
        if (may_be_token(self, hash) && (id = find(self, rest, (uint32_t)*n, flag, key, hash)) >= 0)
            return id;
    }
    uint32_t candidates = 0; /* a bit for each length: there is a branch for few of them */
    for (int size = 1; size <= n_short; size++)
        candidates |= may_be_token(self, hash_of(first & low_bytes(size), (uint32_t)size | flag)) << size;
    for (; candidates; candidates ^= 1u << *n) {
        *n = (size_t)HIGHEST_BIT(candidates);
        const uint64_t key = first & low_bytes((int)*n);
        if ((id = find(self, rest, (uint32_t)*n, flag, key, hash_of(key, (uint32_t)*n | flag))) >= 0)
            return id;
    }
    return -1;
}

/* Cut a word that is no token from the front into the longest tokens, or give unk for all of it. */
static void cut(const WordPiece *self, Work *work, const uint8_t *word, size_t size)
{
    const size_t first = work->n_ids;
    Py_ssize_t n_characters = 0;
    for (size_t at = 0; at < size; at++)
        n_characters += (word[at] & 0xC0) != 0x80;
    int32_t id = n_characters > self->most_characters ? -1 : 0;
    for (size_t start = 0, n; start < size && id >= 0; start += n) {
        id = find_longest(self, word + start, size - start - !start, start ? CONTINUES : 0, &n);
        work->ids[work->n_ids++] = id;
    }
    if (id < 0) {
        work->n_ids = first;
        work->ids[work->n_ids++] = self->unk_id;
    }
}

/* Make room for the ids of so many bytes: a byte or more each. */
static INLINE Outcome make_room(Work *work, size_t n_bytes)
{
    const size_t most = work->n_ids + n_bytes;
    if (most <= work->room)
        return DONE;
    int32_t *ids = PyMem_RawRealloc(work->ids, 2 * most * sizeof *ids);
    if (!ids)
        return NO_MEMORY;
    work->ids = ids;
    work->room = 2 * most;
    return DONE;
}

static INLINE void put_word(const WordPiece *self, Work *work, const uint8_t *word, size_t size)
{
    const uint64_t key = key_of(word, size);
    const int32_t id = find(self, word, (uint32_t)size, 0, key, hash_of(key, (uint32_t)size));
    if (id >= 0)
        work->ids[work->n_ids++] = id;
    else
        cut(self, work, word, size);
}

/* Give a bit for each of BLOCK bytes that are 0 or 255. */
static INLINE uint64_t bits_of(const uint8_t *bytes)
{
    uint64_t bits = 0;
#ifdef __SSE2__
    for (int at = 0; at < BLOCK; at += 16) {
        const __m128i sixteen = _mm_loadu_si128((const __m128i *)(bytes + at));
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(sixteen) << at;
    }
#else
    for (int at = 0; at < BLOCK; at += 8) {
        const uint64_t ones = eight_bytes(bytes + at) & 0x0101010101010101u;
        bits |= ((ones * 0x0102040810204080u) >> 56) << at;
    }
#endif
    return bits;
}

/* Take ASCII of which the normalizer makes what BERT's does. */
static Outcome take_ascii(const WordPiece *self, Work *work, const uint8_t *text, size_t length)
{
    const uint8_t to_lower = self->lowers ? 'a' - 'A' : 0;
    uint64_t word_before = 0, alone_before = 0;
    size_t base = 0, start = 0; /* of the block, and of the word that is open before it, in work->bytes */
    int is_open = 0;
    if (make_room(work, length))
        return NO_MEMORY;
    for (size_t at = 0; at <= length; at += BLOCK) { /* behind a text there is a space */
        uint8_t in_word[BLOCK], is_alone[BLOCK], is_odd[BLOCK], rest[BLOCK];
        const uint8_t *block = text + at;
        uint8_t *normalized = work->bytes + base;
        if (length - at < BLOCK) {
            memset(rest, ' ', BLOCK);
            memcpy(rest, block, length - at);
            block = rest;
        }
        for (int k = 0; k < BLOCK; k++) {
            const uint8_t c = block[k];
            const uint8_t is_upper = (uint8_t)(c - 'A') < 26;
            const uint8_t is_word = is_upper | ((uint8_t)(c - 'a') < 26) | ((uint8_t)(c - '0') < 10);
            normalized[k] = (uint8_t)(c + (is_upper ? to_lower : 0));
            in_word[k] = is_word ? 255 : 0;
            is_alone[k] = (c > ' ') & (c < 0x7F) & !is_word ? 255 : 0;
            is_odd[k] = (c == 0x7F) | ((c < ' ') & (c != '\t') & (c != '\n') & (c != '\r')) ? 255 : 0;
        }
        if (bits_of(is_odd))
            return NOT_TAKEN;
        const uint64_t word = bits_of(in_word), alone = bits_of(is_alone);
        const uint64_t behind_word = word << 1 | word_before, behind_alone = alone << 1 | alone_before;
        uint64_t starts = (word & ~behind_word) | alone;
        for (uint64_t stops = (~word & behind_word) | behind_alone; stops; stops &= stops - 1) {
            if (!is_open) {
                start = base + (size_t)LOWEST_BIT(starts);
                starts &= starts - 1;
            }
            is_open = 0;
            put_word(self, work, work->bytes + start, base + (size_t)LOWEST_BIT(stops) - start);
        }
        if (starts) {
            start = base + (size_t)LOWEST_BIT(starts);
            is_open = 1;
        }
        word_before = word >> 63;
        alone_before = alone >> 63;
        base = is_open ? base + BLOCK : 0;
        if (base == SEGMENT)
            return NOT_TAKEN; /* a word of this length, or a word across the end of every block */
    }
    return DONE;
}

static INLINE uint32_t code_point(const Text *text, Py_ssize_t at)
{
    return (uint32_t)PyUnicode_READ(text->kind, text->data, at);
}

/* Take any text; `kind` is that of the text. */
static INLINE Outcome take_kind(const WordPiece *self, Work *work, const Text *text, const int kind)
{
    const size_t most_bytes = 4 * (size_t)self->most_characters; /* more is unk */
    Outcome outcome = DONE;
    size_t size = 0; /* of the word that is open */
    for (Py_ssize_t at = 0; at < text->length; at++) {
        const uint32_t point = (uint32_t)PyUnicode_READ(kind, text->data, at);
        const Page *page = PUBLISHED(&self->pages[point / PAGE]);
        if (!page) {
            work->missing[point / PAGE] = 1;
            work->is_missing = 1;
        }
        const Character *character = page ? &page->characters[point % PAGE] : NULL;
        if (!page || character->kind == REFUSED)
            outcome = NOT_TAKEN;
        if (outcome)
            continue; /* to the other pages that are missing */
        if (character->kind != WORD && size) {
            if (make_room(work, size))
                return NO_MEMORY;
            put_word(self, work, work->bytes, size);
            size = 0;
        }
        if (size <= most_bytes) {
            const uint8_t *form = page->forms + character->start;
            if (character->size <= 4)
                memcpy(work->bytes + size, form, 4);
            else
                memcpy(work->bytes + size, form, character->size);
            size += character->size;
        }
        if (character->kind == ALONE) {
            if (make_room(work, size))
                return NO_MEMORY;
            put_word(self, work, work->bytes, size);
            size = 0;
        }
    }
    if (outcome || !size)
        return outcome;
    if (make_room(work, size))
        return NO_MEMORY;
    put_word(self, work, work->bytes, size);
    return DONE;
}

static Outcome take_characters(const WordPiece *self, Work *work, const Text *text)
{
    switch (text->kind) {
    case PyUnicode_1BYTE_KIND:
        return take_kind(self, work, text, PyUnicode_1BYTE_KIND);
    case PyUnicode_2BYTE_KIND:
        return take_kind(self, work, text, PyUnicode_2BYTE_KIND);
    default:
        return take_kind(self, work, text, PyUnicode_4BYTE_KIND);
    }
}

static int stands_at(const uint32_t *stop, const Text *text, Py_ssize_t at)
{
    if ((Py_ssize_t)stop[0] > text->length - at)
        return 0;
    for (uint32_t k = 0; k < stop[0]; k++)
        if (code_point(text, at + k) != stop[1 + k])
            return 0;
    return 1;
}

/* Tell whether one of the strings that a text must not hold begins at a place. */
static int is_stop(const WordPiece *self, const Text *text, Py_ssize_t at)
{
    for (size_t k = 0; k < self->stops_size; k += 1 + self->stops[k])
        if (stands_at(self->stops + k, text, at))
            return 1;
    return 0;
}

static int holds_stop(const WordPiece *self, const Text *text)
{
    for (const char *start = self->stop_starts; *start; start++) {
        if (text->kind == 1) {
            const uint8_t *all = text->data, *at = all, *end = all + text->length;
            while (at < end && (at = memchr(at, *start, (size_t)(end - at))) != NULL) {
                if (is_stop(self, text, at - all))
                    return 1;
                at++;
            }
        } else
            for (Py_ssize_t at = 0; at < text->length; at++)
                if (code_point(text, at) == (uint32_t)*start && is_stop(self, text, at))
                    return 1;
    }
    return 0;
}

/* Write the ids of a text behind those of the texts before. */
static Outcome encode_text(const WordPiece *self, Work *work, const Text *text)
{
    const size_t first = work->n_ids;
    Outcome outcome = NOT_TAKEN;
    if (holds_stop(self, text))
        return outcome;
    if (text->is_ascii && self->is_plain)
        outcome = take_ascii(self, work, text->data, (size_t)text->length);
    if (outcome == NOT_TAKEN) {
        work->n_ids = first;
        outcome = take_characters(self, work, text);
    }
    if (outcome == NOT_TAKEN) {
        work->n_ids = first;
    }
    return outcome;
}

/* Encode texts; is_taken says which of them were. Give whether there was memory. */
static int encode_texts(const WordPiece *self, Work *work, const Text *texts, Py_ssize_t n_texts, int64_t *offsets,
                        uint8_t *is_taken)
{
    offsets[0] = 0;
    for (Py_ssize_t i = 0; i < n_texts; i++) {
        const Outcome outcome = encode_text(self, work, &texts[i]);
        if (outcome == NO_MEMORY)
            return 0;
        is_taken[i] = outcome == DONE;
        offsets[i + 1] = (int64_t)work->n_ids;
    }
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
#if PY_VERSION_HEX < 0x030C0000
        if (PyUnicode_READY(text))
            return 0;
#endif
        texts[i] = (Text){PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text), (int)PyUnicode_KIND(text),
                          PyUnicode_IS_ASCII(text)};
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

static PyObject *encode(PyObject *object, PyObject *argument)
{
    const WordPiece *self = (const WordPiece *)object;
    PyObject *tuple = PySequence_Tuple(argument); /* that the strings stay while the lock is let go */
    if (!tuple)
        return NULL;
    const Py_ssize_t n_texts = PyTuple_GET_SIZE(tuple);
    PyObject *result = NULL, *offsets = PyBytes_FromStringAndSize(NULL, (n_texts + 1) * (Py_ssize_t)sizeof(int64_t));
    Text *texts = PyMem_Malloc((size_t)n_texts * sizeof *texts);
    uint8_t *is_taken = PyMem_Malloc((size_t)n_texts);
    Work *work = PyMem_Calloc(1, sizeof *work);
    if (work)
        work->bytes = PyMem_Malloc(SEGMENT + 4 * (size_t)self->most_characters + 2 * MOST_FORM_BYTES + MARGIN);
    if (!offsets || !texts || !is_taken || !work || !work->bytes)
        PyErr_NoMemory();
    else if (read_texts(tuple, texts)) {
        int is_done;
        Py_BEGIN_ALLOW_THREADS
        is_done = encode_texts(self, work, texts, n_texts, (int64_t *)PyBytes_AS_STRING(offsets), is_taken);
        Py_END_ALLOW_THREADS
        if (is_done)
            result = Py_BuildValue("y#ONN", work->ids ? (const char *)work->ids : "", (Py_ssize_t)(work->n_ids * sizeof *work->ids),
                                   offsets, unusual_places(is_taken, n_texts, 1),
                                   unusual_places(work->missing, work->is_missing ? N_PAGES : 0, 0));
        else
            PyErr_NoMemory();
    }
    if (work) {
        PyMem_Free(work->bytes);
        PyMem_RawFree(work->ids);
    }
    PyMem_Free(work);
    PyMem_Free(is_taken);
    PyMem_Free(texts);
    Py_XDECREF(offsets);
    Py_DECREF(tuple);
    return result;
}

/* Tell whether ASCII is what `take_ascii` takes it for, apart from the characters that it does not take. */
static int is_plain_ascii(const Page *page, int lowers)
{
    for (int c = 0; c < 0x7F; c++) {
        const Character *character = &page->characters[c];
        const int is_upper = c >= 'A' && c <= 'Z';
        const int is_word = is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const int is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (c < ' ' && !is_space)
            continue;
        if (character->kind != (is_space ? GAP : is_word ? WORD : ALONE))
            return 0;
        const uint8_t form = (uint8_t)(is_upper && lowers ? c + 'a' - 'A' : c);
        if (!is_space && (character->size != 1 || page->forms[character->start] != form))
            return 0;
    }
    return 1;
}

/* Make a page of 256 pairs; NULL with an exception when one does not fit. */
static Page *read_page(PyObject *pairs)
{
    Page *page = PyMem_RawCalloc(1, sizeof *page + PAGE * MOST_FORM_BYTES + MARGIN);
    if (!page)
        return (Page *)PyErr_NoMemory();
    uint32_t start = 0;
    for (Py_ssize_t c = 0; c < PAGE; c++) {
        int kind;
        const char *form;
        Py_ssize_t size;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(pairs, c), "iy#:learn", &kind, &form, &size))
            goto failed;
        if (kind < GAP || kind > REFUSED || size > MOST_FORM_BYTES || (kind == ALONE && !size)) {
            PyErr_SetString(PyExc_ValueError,
                            "a character must have a kind from 0 to 3 and a form of 63 bytes at most, a word of 1");
            goto failed;
        }
        page->characters[c] = (Character){start, (uint8_t)size, (uint8_t)kind};
        memcpy(page->forms + start, form, (size_t)size);
        start += (uint32_t)size;
    }
    Page *smaller = PyMem_RawRealloc(page, sizeof *page + start + MARGIN);
    return smaller ? smaller : page;
failed:
    PyMem_RawFree(page);
    return NULL;
}

static PyObject *learn(PyObject *object, PyObject *arguments)
{
    WordPiece *self = (WordPiece *)object;
    PyObject *pairs;
    int number;
    if (!PyArg_ParseTuple(arguments, "iO!:learn", &number, &PyList_Type, &pairs))
        return NULL;
    if (number < 0 || number >= N_PAGES || PyList_GET_SIZE(pairs) != PAGE)
        return PyErr_Format(PyExc_ValueError, "expected a page from 0 to %d and 256 characters", N_PAGES - 1);
    if (self->pages[number])
        Py_RETURN_NONE; /* other threads may be reading it */
    Page *page = read_page(pairs);
    if (!page)
        return NULL;
    if (!number) {
        self->lowers = page->forms[page->characters['A'].start] == 'a';
        self->is_plain = is_plain_ascii(page, self->lowers);
    }
    PUBLISH(&self->pages[number], page);
    Py_RETURN_NONE;
}

static void add_token(WordPiece *self, size_t start, size_t size, uint32_t flag, int32_t id)
{
    if (!size)
        return;
    const uint64_t key = key_of(self->tokens + start, size), hash = hash_of(key, (uint32_t)size | flag);
    const uint64_t bit = hash >> (64 - FILTER_BITS);
    size_t at = hash >> self->shift;
    while (self->slots[at].size)
        at = (at + 1) & (self->n_slots - 1);
    self->slots[at] = (Slot){key, (uint32_t)size | flag, id};
    self->starts[at] = start;
    self->filter[bit / 64] |= (uint64_t)1 << (bit % 64);
    if (size > self->longest)
        self->longest = size;
}

/* Tell whether a token continues a word. */
static int continues(const char *token, Py_ssize_t size, const char *prefix, Py_ssize_t prefix_size)
{
    return size >= prefix_size && !memcmp(token, prefix, (size_t)prefix_size);
}

/* Fill the hash table. Give whether that was possible; else an exception says why it was not. */
static int add_tokens(WordPiece *self, PyObject *vocab, const char *prefix, Py_ssize_t prefix_size)
{
    PyObject *token, *number;
    Py_ssize_t place = 0, size;
    size_t n_bytes = 0, n_entries = 0, start = 0;
    while (PyDict_Next(vocab, &place, &token, NULL)) {
        const char *bytes = PyUnicode_AsUTF8AndSize(token, &size);
        if (!bytes)
            return 0;
        n_bytes += (size_t)size;
        n_entries += 1 + (size_t)continues(bytes, size, prefix, prefix_size);
    }
    self->shift = 63;
    for (self->n_slots = 2; self->n_slots < 2 * n_entries; self->n_slots *= 2)
        self->shift--;
    self->slots = PyMem_Calloc(self->n_slots, sizeof *self->slots);
    self->starts = PyMem_Calloc(self->n_slots, sizeof *self->starts);
    self->filter = PyMem_Calloc((1 << FILTER_BITS) / 64, sizeof *self->filter);
    self->tokens = PyMem_Calloc(1, n_bytes + MARGIN);
    if (!self->slots || !self->starts || !self->filter || !self->tokens) {
        PyErr_NoMemory();
        return 0;
    }
    for (place = 0; PyDict_Next(vocab, &place, &token, &number); start += (size_t)size) {
        const char *bytes = PyUnicode_AsUTF8AndSize(token, &size);
        const long id = PyLong_AsLong(number);
        if (!bytes || (id == -1 && PyErr_Occurred()))
            return 0;
        memcpy(self->tokens + start, bytes, (size_t)size);
        if (PyUnicode_GET_LENGTH(token) <= self->most_characters) /* no longer word is looked up */
            add_token(self, start, (size_t)size, 0, (int32_t)id);
        if (continues(bytes, size, prefix, prefix_size))
            add_token(self, start + (size_t)prefix_size, (size_t)(size - prefix_size), CONTINUES, (int32_t)id);
    }
    return 1;
}

static int add_stops(WordPiece *self, PyObject *stops)
{
    size_t n_starts = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stops); i++) {
        PyObject *stop = PyList_GET_ITEM(stops, i);
        const Py_ssize_t length = PyUnicode_Check(stop) ? PyUnicode_GetLength(stop) : 0;
        const Py_UCS4 first = length ? PyUnicode_ReadChar(stop, 0) : 0;
        if (first < 1 || first > 0x7F) {
            PyErr_SetString(PyExc_ValueError, "an added token must begin with an ASCII character");
            return 0;
        }
        if (!strchr(self->stop_starts, (int)first))
            self->stop_starts[n_starts++] = (char)first;
        const size_t size = self->stops_size + 1 + (size_t)length;
        uint32_t *grown = PyMem_Realloc(self->stops, size * sizeof *grown);
        if (!grown) {
            PyErr_NoMemory();
            return 0;
        }
        self->stops = grown;
        grown[self->stops_size] = (uint32_t)length;
        for (Py_ssize_t k = 0; k < length; k++)
            grown[self->stops_size + 1 + (size_t)k] = PyUnicode_ReadChar(stop, k);
        self->stops_size = size;
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
    WordPiece *self = (WordPiece *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->unk_id = unk_id;
    self->most_characters = most_characters;
    if (!add_tokens(self, vocab, prefix, prefix_size) || !add_stops(self, stops)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void dealloc(PyObject *object)
{
    WordPiece *self = (WordPiece *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyMem_Free(self->slots);
    PyMem_Free(self->starts);
    PyMem_Free(self->filter);
    PyMem_Free(self->tokens);
    PyMem_Free(self->stops);
    for (int number = 0; number < N_PAGES; number++)
        PyMem_RawFree(self->pages[number]);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"encode", encode, METH_O, "encode(texts): see m2v_onnx.runtime.word_piece.WordPieceEngine."},
    {"learn", learn, METH_VARARGS, "learn(page, characters): a kind and a UTF-8 form for each of 256 code points."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_new, new}, {Py_tp_dealloc, dealloc}, {Py_tp_methods, methods}, {0, NULL}};

static PyType_Spec specification = {
    .name = "m2v_onnx.native._word_piece.WordPiece",
    .basicsize = sizeof(WordPiece),
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

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_word_piece", .m_slots = module_slots};

PyMODINIT_FUNC PyInit__word_piece(void)
{
    return PyModuleDef_Init(&module);
}
