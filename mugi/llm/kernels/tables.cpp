// Fused loops of mugi.llm.emulate: BF16 codes in, table entries out, bit for bit the same.
//
// A softmax tile is (slabs, keys, shared, queries), as in TableAttention: a slab is one KV head of
// one sequence, a group the `queries` of one key and one of its `shared` query heads. Activations
// are (tokens, channels), a group `group` contiguous channels.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int INFINITE = 0x7F80;  // BF16 code of +inf
constexpr int ONE = 0x3F80;
constexpr int NOT_A_NUMBER = 0x7FC0;

// How a group's extreme magnitude picks a table (TableStack).
struct Stack {
    const uint16_t* tables;  // entry of code 0 in the first table is tables[offsets[0]]
    const int32_t* offsets;  // by extreme magnitude code
    int32_t sliding, smallest, count_zeros;
};

float value_of(uint16_t code) {
    uint32_t bits = uint32_t(code) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

// Round a float that is not NaN to BF16, ties to even.
uint16_t rounded(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return uint16_t((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// Offset of the table for the group whose magnitudes are given.
int32_t pick(const Stack& stack, const int16_t* magnitudes, int64_t size) {
    if (!stack.sliding) return stack.offsets[0];
    int extreme;
    if (stack.smallest) {
        extreme = INFINITE;
        for (int64_t i = 0; i < size; ++i) {
            int code = magnitudes[i];
            bool competes = code > 0 && code < INFINITE;
            extreme = std::min(extreme, competes ? code : stack.count_zeros ? ONE : INFINITE);
        }
        if (extreme == INFINITE) extreme = 0;
    } else {
        extreme = 0;
        for (int64_t i = 0; i < size; ++i) {
            int code = magnitudes[i];
            bool competes = code > 0 && code < INFINITE;
            extreme = std::max(extreme, competes ? code : stack.count_zeros ? ONE : 0);
        }
    }
    return stack.offsets[extreme];
}

}  // namespace

extern "C" {

// Replace scores by the exponentials of score − row maximum, rounded to BF16 at each step.
void exponentials(uint16_t* scores, int64_t slabs, int64_t keys, int64_t shared, int64_t queries,
                  const uint16_t* tables, const int32_t* offsets, int32_t sliding,
                  int32_t smallest, int32_t count_zeros, int32_t threads) {
    const Stack stack{tables, offsets, sliding, smallest, count_zeros};
    const int64_t row = shared * queries, block = 64;
    const int64_t strips = (row + block - 1) / block;
    std::vector<float> largest(slabs * row, -value_of(INFINITE - 1));
#pragma omp parallel for collapse(2) num_threads(threads)
    for (int64_t slab = 0; slab < slabs; ++slab)
        for (int64_t strip = 0; strip < strips; ++strip) {
            const int64_t from = strip * block, to = std::min(from + block, row);
            const uint16_t* in = scores + slab * keys * row;
            float* top = largest.data() + slab * row;
            for (int64_t key = 0; key < keys; ++key)
                for (int64_t i = from; i < to; ++i) {
                    float score = value_of(in[key * row + i]);
                    top[i] = score > top[i] || score != score ? score : top[i];
                }
            // a NaN met on the way was overwritten by a later larger score: look again
            for (int64_t key = 0; key < keys; ++key)
                for (int64_t i = from; i < to; ++i)
                    if ((in[key * row + i] & 0x7FFF) > INFINITE) top[i] = NAN;
        }
    const int64_t blocks = (keys + block - 1) / block;
#pragma omp parallel for collapse(2) num_threads(threads)
    for (int64_t slab = 0; slab < slabs; ++slab)
        for (int64_t part = 0; part < blocks; ++part) {
            std::vector<int16_t> codes(queries);
            for (int64_t key = part * block; key < std::min((part + 1) * block, keys); ++key)
                for (int64_t head = 0; head < shared; ++head) {
                    uint16_t* in = scores + (slab * keys + key) * row + head * queries;
                    const float* top = largest.data() + slab * row + head * queries;
                    for (int64_t i = 0; i < queries; ++i) {
                        float below = top[i] - value_of(in[i]);
                        codes[i] = below == below ? rounded(below) : NOT_A_NUMBER;
                    }
                    const uint16_t* table = tables + pick(stack, codes.data(), queries);
                    for (int64_t i = 0; i < queries; ++i) in[i] = table[codes[i]];
                }
        }
}

// Whether the loops run in several threads.
int32_t threaded() {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

// Replace inputs by their function; the last group of a token may be short.
void activations(const uint16_t* in, uint16_t* out, int64_t tokens, int64_t channels,
                 int64_t group, const uint16_t* tables, const int32_t* offsets, int32_t sliding,
                 int32_t smallest, int32_t count_zeros, int32_t threads) {
    const Stack stack{tables, offsets, sliding, smallest, count_zeros};
#pragma omp parallel for num_threads(threads)
    for (int64_t token = 0; token < tokens; ++token) {
        std::vector<int16_t> magnitudes(group);
        for (int64_t from = 0; from < channels; from += group) {
            const int64_t size = std::min(group, channels - from);
            const uint16_t* inputs = in + token * channels + from;
            for (int64_t i = 0; i < size; ++i) magnitudes[i] = inputs[i] & 0x7FFF;
            const uint16_t* table = tables + pick(stack, magnitudes.data(), size);
            for (int64_t i = 0; i < size; ++i)
                out[token * channels + from + i] = table[int16_t(inputs[i])];
        }
    }
}
}
