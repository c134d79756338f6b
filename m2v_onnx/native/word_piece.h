/* WordPiece behind BERT's normalizer and pre-tokenizer: the words of a text, looked up whole, else cut from the
   front into the longest tokens.

   What the normalizer and the pre-tokenizer do to a character does not depend on the characters around it. It is
   learnt by pages of 256 code points, when a text first needs one. A text that needs a page still, or holds what
   this code does not take, is named to the caller.

   It knows nothing of Python, but that it reads a string where a str holds it: word_piece_module.c does. */

#ifndef M2V_ONNX_WORD_PIECE_H
#define M2V_ONNX_WORD_PIECE_H

#include <stddef.h>
#include <stdint.h>

enum {
    PAGE = 256,
    N_PAGES = 0x110000 / PAGE,
    MOST_FORM_BYTES = 63, /* of one character */
    MOST_CHARACTERS = 10000
};

/* What a character does: its form joins the word, or ends it and is a word by itself, or it only ends the word. */
typedef enum { GAP, WORD, ALONE, REFUSED } Kind;

typedef struct Page Page;
typedef struct Slot Slot;

typedef struct {
    Slot *slots;    /* linear probing; half of them are free */
    size_t *starts; /* (n_slots,), of a token's bytes in `tokens` */
    size_t n_slots;
    int shift;           /* from a hash to a slot */
    uint64_t *filter;    /* a bit for every hash of a token, to pass over what is no token */
    uint8_t *tokens;     /* UTF-8, and a margin */
    size_t tokens_size;  /* so far */
    size_t longest;      /* token's bytes */
    int32_t unk_id;
    ptrdiff_t most_characters; /* of a word that is cut */
    Page *pages[N_PAGES];      /* NULL where not learnt */
    int lowers, is_plain;      /* whether ASCII is made lower case, and else as `take_ascii` has it */
    uint32_t *stops; /* strings that a text must not hold: their lengths and code points, one behind the other */
    size_t stops_size;
    char stop_starts[128]; /* the characters that they begin with, as a string */
} WordPiece;

/* A string as a str holds it. */
typedef struct {
    const void *data;
    ptrdiff_t length;
    int kind; /* bytes a character: 1, 2 or 4 */
    int is_ascii;
} Text;

/* What a call works with, and its ids. */
typedef struct {
    uint8_t *bytes; /* a stretch of normalised text */
    int32_t *ids;
    size_t n_ids, room;       /* of ids */
    int is_missing;           /* whether texts need pages that were not learnt */
    uint8_t missing[N_PAGES]; /* whether it is this one */
} Work;

/* Functions that may run out of memory give whether there was enough. All are safe on zeroed structs. */

/* Make room for the tokens of a vocabulary; each is a beginning of words, or with the prefix a continuation. */
int start_tokens(WordPiece *self, size_t n_entries, size_t n_bytes);
/* Give how many entries a token takes. */
size_t n_entries_of(const char *token, size_t size, const char *prefix, size_t prefix_size);
void add_token(WordPiece *self, const char *token, size_t size, ptrdiff_t n_characters, const char *prefix,
               size_t prefix_size, int32_t id);
/* Add a string that a text must not hold; it begins with an ASCII character. */
int add_stop(WordPiece *self, const Text *stop);
void free_tokens(WordPiece *self);

Page *new_page(void);
/* Describe the characters of a page in their order. Give whether the page can hold this one. */
int add_character(Page *page, int c, int kind, const char *form, size_t size);
/* Let texts be read by a page from now on; other threads may be at work. It must not be there yet. */
void learn_page(WordPiece *self, int number, Page *page);
void free_page(Page *page);

Work *new_work(const WordPiece *self);
void free_work(Work *work);
/* Write the ids of texts and where those of each end; is_taken says which texts were. Safe on many threads. */
int tokenize_texts(const WordPiece *self, Work *work, const Text *texts, ptrdiff_t n_texts, int64_t *offsets,
                   uint8_t *is_taken);

#endif
