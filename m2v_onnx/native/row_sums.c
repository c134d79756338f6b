/* The loops of row_sums.h.

   A block of columns is summed in registers over all tokens of a text, while the rows of the tokens to come are
   fetched: what is left is the time that the memory needs. The order of the sum is that of the tokens, and sums
   of int8 are whole numbers, so that the texts beside a text do not change its bits. */

#include "row_sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"

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
#else
typedef float lanes;
#define PREFETCH(address) ((void)0)
#endif

enum {
    LANES = sizeof(lanes) / sizeof(float),
    BLOCK_LANES = BLOCK_COLUMNS / LANES,
    LINE_COLUMNS = 16, /* of the cache */
    LINE_BYTES = 64,
    TOKENS_AHEAD = 16,
    GROUP_TOKENS = 4 /* that int8 is summed by */
};

/* The largest number of a mean that counts as zeros: LEAST_VALUE of m2v_onnx.model.vectors. */
static const double LEAST_VALUE = 1e-30f;

/* What a kernel works with. */
struct Job {
    RowTable table;
    Batch batch;
    /* The rows and factors of the tokens that count, and where those of each text begin. */
    int32_t *rows; /* (n_ids,) at most, and GROUP_TOKENS zeros */
    float *weights;
    uint8_t *scales;
    int64_t *offsets; /* (n_texts + 1,) */
    float *sums;      /* (stride,), of codes */
};

/* Find the rows of all tokens. */
static Fault find_rows(Job *job)
{
    int64_t n_counting = 0, stop = job->batch.offsets[0]; /* each is read once: another thread may write to them */
    for (ptrdiff_t text = 0; text < job->batch.n_texts; text++) {
        const int64_t start = stop;
        stop = job->batch.offsets[text + 1];
        if (start < 0 || stop < start || stop > job->batch.n_ids)
            return (Fault){OUTSIDE, "offsets must rise from 0 to %zd, found others at text %zd", job->batch.n_ids, text};
        job->offsets[text] = n_counting;
        for (int64_t token = start; token < stop; token++) {
            const int32_t id = job->batch.ids[token];
            if (id < 0 || id >= job->table.n_tokens)
                return (Fault){OUTSIDE, "token ids must be from 0 to %zd, found %zd", job->table.n_tokens - 1, id};
            const int32_t row = job->table.rows ? job->table.rows[id] : id;
            if (row < 0 || row >= job->table.n_rows)
                return (Fault){OUTSIDE, "rows must be from 0 to %zd, found %zd", job->table.n_rows - 1, row};
            job->rows[n_counting] = row;
            if (job->table.weights)
                job->weights[n_counting] = job->table.weights[id];
            if (job->table.scales)
                job->scales[n_counting] = job->table.scales[id];
            n_counting += job->table.counts[id] != 0;
        }
    }
    job->offsets[job->batch.n_texts] = n_counting;
    for (int k = 0; k < GROUP_TOKENS; k++)
        job->rows[n_counting + k] = 0;
    return (Fault){.outcome = DONE};
}

/* Give what makes a unit vector of a sum whose squares are too small or too large for a float: 0 where the mean
   of the rows counts as zeros. */
static double unit_factor(const float *sums, ptrdiff_t dim, int64_t n_rows)
{
    double largest = 0, sum = 0;
    for (ptrdiff_t column = 0; column < dim; column++) {
        const double value = fabs((double)sums[column]);
        largest = value > largest ? value : largest;
        sum += value * value;
    }
    return largest < LEAST_VALUE * (double)(n_rows ? n_rows : 1) ? 0 : 1 / sqrt(sum);
}

/* Divide a sum by the number of its rows, or by its own length: a unit vector is that of the sum, too. */
static INLINE void finish(const Job *job, const float *sums, float *out, int64_t n_rows)
{
    float factor = n_rows ? 1.0f / (float)n_rows : 1.0f;
    if (job->table.normalize) {
        float partial[LINE_COLUMNS] = {0}, sum = 0;
        ptrdiff_t column = 0;
        for (; column + LINE_COLUMNS <= job->table.dim; column += LINE_COLUMNS)
            for (int k = 0; k < LINE_COLUMNS; k++)
                partial[k] += sums[column + k] * sums[column + k];
        for (; column < job->table.dim; column++)
            sum += sums[column] * sums[column];
        for (int k = 0; k < LINE_COLUMNS; k++)
            sum += partial[k];
        if (!(sum > 1e-20f && sum < 1e30f)) {
            const double exact = unit_factor(sums, job->table.dim, n_rows);
            for (column = 0; column < job->table.dim; column++)
                out[column] = (float)(exact * (double)sums[column]);
            return;
        }
        factor = 1.0f / sqrtf(sum);
    }
    for (ptrdiff_t column = 0; column < job->table.dim; column++)
        out[column] = factor * sums[column];
}

static INLINE void write_weighted(const Job *job, int is_weighted)
{
    const ptrdiff_t n_whole = job->table.dim - job->table.dim % BLOCK_COLUMNS;
    const int64_t last = job->offsets[job->batch.n_texts] - TOKENS_AHEAD;
    for (ptrdiff_t text = 0; text < job->batch.n_texts; text++) {
        const int64_t start = job->offsets[text], stop = job->offsets[text + 1];
        float *out = job->batch.out + text * job->table.dim;
        for (ptrdiff_t column = 0; column < n_whole; column += BLOCK_COLUMNS) {
            const float *block = job->table.table + column;
            lanes sums[BLOCK_LANES] = {0};
            for (int64_t token = start; token < stop; token++) {
                if (token < last) {
                    const float *ahead = block + job->rows[token + TOKENS_AHEAD] * job->table.dim;
                    for (int k = 0; k < BLOCK_COLUMNS; k += LINE_COLUMNS)
                        PREFETCH(ahead + k);
                }
                const lanes *row = (const lanes *)(block + job->rows[token] * job->table.dim);
                for (int k = 0; k < BLOCK_LANES; k++)
                    sums[k] += (is_weighted ? job->weights[token] : 1.0f) * row[k];
            }
            for (int k = 0; k < BLOCK_LANES; k++)
                ((lanes *)(out + column))[k] = sums[k];
        }
        for (ptrdiff_t column = n_whole; column < job->table.dim; column++)
            out[column] = 0;
        for (int64_t token = start; token < stop && n_whole < job->table.dim; token++) {
            const float *row = job->table.table + job->rows[token] * job->table.dim;
            for (ptrdiff_t column = n_whole; column < job->table.dim; column++)
                out[column] += (is_weighted ? job->weights[token] : 1.0f) * row[column];
        }
        finish(job, out, out, stop - start);
    }
}

static INLINE void write_as_compiled(const Job *job)
{
    if (job->table.weights)
        write_weighted(job, 1);
    else
        write_weighted(job, 0);
}

#ifdef ON_X86
FOR_AVX2 static void write_by_avx2(const Job *job)
{
    write_as_compiled(job);
}

/* Four tokens of a text: the products of a column's four codes are added up in one instruction or two. */
typedef struct {
    const int8_t *rows[GROUP_TOKENS];
    int32_t scales; /* a byte each; zeros behind the text's last token */
} Group;

static INLINE Group group_at(const Job *job, int64_t token, int64_t stop, ptrdiff_t column, int n_columns)
{
    Group group;
    const int8_t *block = job->table.codes + column;
    const int64_t n_left = stop - token, last = job->offsets[job->batch.n_texts] - TOKENS_AHEAD - GROUP_TOKENS;
    for (int k = 0; k < GROUP_TOKENS; k++)
        group.rows[k] = block + job->rows[token + k] * job->table.stride;
    for (int k = 0; k < GROUP_TOKENS && token <= last; k++)
        for (int line = 0; line < n_columns; line += LINE_BYTES)
            PREFETCH(block + job->rows[token + TOKENS_AHEAD + k] * job->table.stride + line);
    uint32_t scales;
    memcpy(&scales, job->scales + token, sizeof scales);
    group.scales = (int32_t)(n_left < GROUP_TOKENS ? scales & ((1u << 8 * n_left) - 1) : scales);
    return group;
}

/* Sum 32 * n columns. Unpacking works in lanes of 16 bytes: a sum holds columns 4k to 4k + 3 of each lane. */
FOR_AVX2 static INLINE void sum_by_avx2(const Job *job, int64_t start, int64_t stop, ptrdiff_t column,
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
FOR_VNNI static INLINE void sum_by_vnni(const Job *job, int64_t start, int64_t stop, ptrdiff_t column,
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

static INLINE void finish_codes(const Job *job, ptrdiff_t text)
{
    for (ptrdiff_t column = 0; column < job->table.stride; column++)
        job->sums[column] *= job->table.column_scale[column];
    const int64_t n_rows = job->offsets[text + 1] - job->offsets[text];
    finish(job, job->sums, job->batch.out + text * job->table.dim, n_rows);
}

FOR_AVX2 static void write_codes_by_avx2(const Job *job)
{
    for (ptrdiff_t text = 0; text < job->batch.n_texts; text++) {
        const int64_t start = job->offsets[text], stop = job->offsets[text + 1];
        ptrdiff_t column = 0;
        for (; column + 128 <= job->table.stride; column += 128)
            sum_by_avx2(job, start, stop, column, 4);
        if (column < job->table.stride)
            sum_by_avx2(job, start, stop, column, 2);
        finish_codes(job, text);
    }
}

FOR_VNNI static void write_codes_by_vnni(const Job *job)
{
    for (ptrdiff_t text = 0; text < job->batch.n_texts; text++) {
        const int64_t start = job->offsets[text], stop = job->offsets[text + 1];
        ptrdiff_t column = 0;
        for (; column + 256 <= job->table.stride; column += 256)
            sum_by_vnni(job, start, stop, column, 4);
        for (; column < job->table.stride; column += 64)
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

const Kernel kernels[] = {
#ifdef ON_X86
    {"int8 vnni", 1, has_vnni, write_codes_by_vnni},
    {"int8 avx2", 1, has_avx2, write_codes_by_avx2},
    {"float32 avx2", 0, has_avx2, write_by_avx2},
#endif
    {"float32", 0, always, write_as_compiled},
};
const int n_kernels = sizeof kernels / sizeof *kernels;

const Kernel *find_kernel(const char *name)
{
    for (int k = 0; k < n_kernels; k++)
        if (!strcmp(kernels[k].name, name) && kernels[k].is_there())
            return &kernels[k];
    return NULL;
}

static int make_room(Job *job)
{
    const RowTable *table = &job->table;
    const size_t room = (size_t)job->batch.n_ids + GROUP_TOKENS;
    job->rows = malloc(sizeof(int32_t) * room);
    job->weights = table->weights ? malloc(sizeof(float) * room) : NULL;
    job->scales = table->scales ? malloc(room) : NULL;
    job->offsets = malloc(sizeof(int64_t) * (size_t)(job->batch.n_texts + 1));
    job->sums = table->codes ? malloc(sizeof(float) * (size_t)table->stride) : NULL;
    return job->rows && job->offsets && (!table->weights || job->weights) &&
           (!table->codes || (job->scales && job->sums));
}

Fault write_means(const Kernel *kernel, const RowTable *table, const Batch *batch)
{
    Job job = {.table = *table, .batch = *batch};
    Fault fault = {.outcome = NO_MEMORY};
    if (make_room(&job))
        fault = find_rows(&job);
    if (fault.outcome == DONE)
        kernel->write_means(&job);
    free(job.rows);
    free(job.weights);
    free(job.scales);
    free(job.offsets);
    free(job.sums);
    return fault;
}
