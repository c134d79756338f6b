/* The algorithm of word_piece.h. */

#include "word_piece.h"

#include <stdlib.h>
#include <string.h>

#include "compiler.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are compared as little-endian numbers"
#endif

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if defined(__GNUC__)
#define PUBLISH(place, value) __atomic_store_n(place, value, __ATOMIC_RELEASE)
#define PUBLISHED(place) __atomic_load_n(place, __ATOMIC_ACQUIRE)
#define LOWEST_BIT(bits) __builtin_ctzll(bits)
#define HIGHEST_BIT(bits) (31 - __builtin_clz(bits))
#else
#include <intrin.h>
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
    BLOCK = 64,     /* characters that are sorted at once */
    SEGMENT = 2048, /* bytes of blocks in a row that end within a word */
    MARGIN = 16,    /* bytes that may be read behind a word */
    FILTER_BITS = 19
};

typedef struct {
    uint32_t start; /* of its form, in bytes of the page */
    uint8_t size, kind;
} Character;

struct Page {
    Character characters[PAGE];
    uint8_t forms[]; /* UTF-8, and MARGIN bytes */
};

/* A token in the hash table: key is its UTF-8 form, or a hash of it beyond eight bytes. */
struct Slot {
    uint64_t key;
    uint32_t size; /* in bytes, with CONTINUES; 0 for an empty slot */
    int32_t id;
};

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
    ptrdiff_t n_characters = 0;
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
    int32_t *ids = realloc(work->ids, 2 * most * sizeof *ids);
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

static INLINE uint32_t code_point(const Text *text, const int kind, ptrdiff_t at)
{
    if (kind == 1)
        return ((const uint8_t *)text->data)[at];
    if (kind == 2)
        return ((const uint16_t *)text->data)[at];
    return ((const uint32_t *)text->data)[at];
}

/* Take any text; `kind` is that of the text. */
static INLINE Outcome take_kind(const WordPiece *self, Work *work, const Text *text, const int kind)
{
    const size_t most_bytes = 4 * (size_t)self->most_characters; /* more is unk */
    Outcome outcome = DONE;
    size_t size = 0; /* of the word that is open */
    for (ptrdiff_t at = 0; at < text->length; at++) {
        const uint32_t point = code_point(text, kind, at);
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
    case 1:
        return take_kind(self, work, text, 1);
    case 2:
        return take_kind(self, work, text, 2);
    default:
        return take_kind(self, work, text, 4);
    }
}

static int stands_at(const uint32_t *stop, const Text *text, ptrdiff_t at)
{
    if ((ptrdiff_t)stop[0] > text->length - at)
        return 0;
    for (uint32_t k = 0; k < stop[0]; k++)
        if (code_point(text, text->kind, at + k) != stop[1 + k])
            return 0;
    return 1;
}

/* Tell whether one of the strings that a text must not hold begins at a place. */
static int is_stop(const WordPiece *self, const Text *text, ptrdiff_t at)
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
            for (ptrdiff_t at = 0; at < text->length; at++)
                if (code_point(text, text->kind, at) == (uint32_t)*start && is_stop(self, text, at))
                    return 1;
    }
    return 0;
}

/* Write the ids of a text behind those of the texts before. */
static Outcome tokenize_text(const WordPiece *self, Work *work, const Text *text)
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

int tokenize_texts(const WordPiece *self, Work *work, const Text *texts, ptrdiff_t n_texts, int64_t *offsets,
                   uint8_t *is_taken)
{
    offsets[0] = 0;
    for (ptrdiff_t i = 0; i < n_texts; i++) {
        const Outcome outcome = tokenize_text(self, work, &texts[i]);
        if (outcome == NO_MEMORY)
            return 0;
        is_taken[i] = outcome == DONE;
        offsets[i + 1] = (int64_t)work->n_ids;
    }
    return 1;
}

Work *new_work(const WordPiece *self)
{
    Work *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    work->bytes = malloc(SEGMENT + 4 * (size_t)self->most_characters + 2 * MOST_FORM_BYTES + MARGIN);
    if (!work->bytes) {
        free(work);
        return NULL;
    }
    return work;
}

void free_work(Work *work)
{
    if (!work)
        return;
    free(work->bytes);
    free(work->ids);
    free(work);
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

Page *new_page(void)
{
    return calloc(1, sizeof(Page) + PAGE * MOST_FORM_BYTES + MARGIN);
}

int add_character(Page *page, int c, int kind, const char *form, size_t size)
{
    if (kind < GAP || kind > REFUSED || size > MOST_FORM_BYTES || (kind == ALONE && !size))
        return 0;
    const uint32_t start = c ? page->characters[c - 1].start + page->characters[c - 1].size : 0;
    page->characters[c] = (Character){start, (uint8_t)size, (uint8_t)kind};
    memcpy(page->forms + start, form, size);
    return 1;
}

void learn_page(WordPiece *self, int number, Page *page)
{
    const Character *last = &page->characters[PAGE - 1];
    Page *smaller = realloc(page, sizeof *page + last->start + last->size + MARGIN);
    if (smaller)
        page = smaller;
    if (!number) {
        self->lowers = page->forms[page->characters['A'].start] == 'a';
        self->is_plain = is_plain_ascii(page, self->lowers);
    }
    PUBLISH(&self->pages[number], page);
}

void free_page(Page *page)
{
    free(page);
}

int start_tokens(WordPiece *self, size_t n_entries, size_t n_bytes)
{
    self->shift = 63;
    for (self->n_slots = 2; self->n_slots < 2 * n_entries; self->n_slots *= 2)
        self->shift--;
    self->slots = calloc(self->n_slots, sizeof *self->slots);
    self->starts = calloc(self->n_slots, sizeof *self->starts);
    self->filter = calloc((1 << FILTER_BITS) / 64, sizeof *self->filter);
    self->tokens = calloc(1, n_bytes + MARGIN);
    return self->slots && self->starts && self->filter && self->tokens;
}

static int continues(const char *token, size_t size, const char *prefix, size_t prefix_size)
{
    return size >= prefix_size && !memcmp(token, prefix, prefix_size);
}

size_t n_entries_of(const char *token, size_t size, const char *prefix, size_t prefix_size)
{
    return 1 + (size_t)continues(token, size, prefix, prefix_size);
}

static void add_entry(WordPiece *self, size_t start, size_t size, uint32_t flag, int32_t id)
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

void add_token(WordPiece *self, const char *token, size_t size, ptrdiff_t n_characters, const char *prefix,
               size_t prefix_size, int32_t id)
{
    const size_t start = self->tokens_size;
    memcpy(self->tokens + start, token, size);
    self->tokens_size += size;
    if (n_characters <= self->most_characters) /* no longer word is looked up */
        add_entry(self, start, size, 0, id);
    if (continues(token, size, prefix, prefix_size))
        add_entry(self, start + prefix_size, size - prefix_size, CONTINUES, id);
}

int add_stop(WordPiece *self, const Text *stop)
{
    const size_t length = (size_t)stop->length, size = self->stops_size + 1 + length;
    const char first = (char)code_point(stop, stop->kind, 0);
    uint32_t *grown = realloc(self->stops, size * sizeof *grown);
    if (!grown)
        return 0;
    self->stops = grown;
    grown += self->stops_size;
    self->stops_size = size;
    *grown = (uint32_t)length;
    for (size_t k = 0; k < length; k++)
        grown[1 + k] = code_point(stop, stop->kind, (ptrdiff_t)k);
    if (!strchr(self->stop_starts, first))
        self->stop_starts[strlen(self->stop_starts)] = first;
    return 1;
}

void free_tokens(WordPiece *self)
{
    free(self->slots);
    free(self->starts);
    free(self->filter);
    free(self->tokens);
    free(self->stops);
    for (int number = 0; number < N_PAGES; number++)
        free(self->pages[number]);
}
