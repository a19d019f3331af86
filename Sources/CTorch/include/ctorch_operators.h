// Operators: elementwise, reductions, indexing, neural networks.
#pragma once

#include "ctorch_base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ctorch_unary_operator {
  CTORCH_NEG,
  CTORCH_ABS,
  CTORCH_EXP,
  CTORCH_LOG,
  CTORCH_SQRT,
  CTORCH_RSQRT,
  CTORCH_SIN,
  CTORCH_COS,
  CTORCH_SIGMOID,
  CTORCH_LOG_SIGMOID,
  CTORCH_SILU,
  CTORCH_RELU,
  CTORCH_ISFINITE,
  CTORCH_LOGICAL_NOT,
} ctorch_unary_operator;

typedef enum ctorch_binary_operator {
  CTORCH_ADD,
  CTORCH_SUB,
  CTORCH_MUL,
  CTORCH_DIV,
  CTORCH_POW,
  CTORCH_EQ,
  CTORCH_NE,
  CTORCH_LT,
  CTORCH_GT,
  CTORCH_GE,
  CTORCH_MAXIMUM,
  CTORCH_MINIMUM,
  CTORCH_LOGICAL_AND,
  CTORCH_MATMUL,
} ctorch_binary_operator;

typedef enum ctorch_reduction {
  CTORCH_SUM,
  CTORCH_MEAN,
  CTORCH_AMAX,
  CTORCH_AMIN,
  CTORCH_LOGSUMEXP,
  CTORCH_ANY,
  CTORCH_ALL,
  CTORCH_ARGMAX
} ctorch_reduction;

CTORCH_CHECKED ctorch_status ctorch_unary(ctorch_unary_operator op, ctorch_tensor a, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_binary(ctorch_binary_operator op, ctorch_tensor a, ctorch_tensor b,
                                           ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_binary_scalar(ctorch_binary_operator op, ctorch_tensor a, double b,
                                                  ctorch_tensor *out, char **error);
// A number as the left operand: CTORCH_SUB and CTORCH_DIV.
CTORCH_CHECKED ctorch_status ctorch_scalar_binary(ctorch_binary_operator op, double a, ctorch_tensor b,
                                                  ctorch_tensor *out, char **error);
// CTORCH_ADD, SUB, MUL, DIV in place.
CTORCH_CHECKED ctorch_status ctorch_binary_in_place(ctorch_binary_operator op, ctorch_tensor a, ctorch_tensor b,
                                                    char **error);
CTORCH_CHECKED ctorch_status ctorch_binary_scalar_in_place(ctorch_binary_operator op, ctorch_tensor a, double b,
                                                           char **error);
CTORCH_CHECKED ctorch_status ctorch_fill_in_place(ctorch_tensor a, double value, char **error);
CTORCH_CHECKED ctorch_status ctorch_copy_in_place(ctorch_tensor a, ctorch_tensor source, bool non_blocking,
                                                  char **error);
CTORCH_CHECKED ctorch_status ctorch_clamp(ctorch_tensor a, double minimum, double maximum, ctorch_tensor *out,
                                          char **error);
CTORCH_CHECKED ctorch_status ctorch_where(ctorch_tensor condition, ctorch_tensor a, ctorch_tensor b, ctorch_tensor *out,
                                          char **error);
CTORCH_CHECKED ctorch_status ctorch_masked_fill(ctorch_tensor a, ctorch_tensor mask, double value, ctorch_tensor *out,
                                                char **error);
CTORCH_CHECKED ctorch_status ctorch_tril(ctorch_tensor a, int64_t diagonal, ctorch_tensor *out, char **error);

// Over all elements.
CTORCH_CHECKED ctorch_status ctorch_reduce_all(ctorch_reduction reduction, ctorch_tensor a, ctorch_tensor *out,
                                               char **error);
CTORCH_CHECKED ctorch_status ctorch_reduce(ctorch_reduction reduction, ctorch_tensor a, int64_t dim, bool keep_dim,
                                           ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_norm(ctorch_tensor a, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_softmax(ctorch_tensor a, int64_t dim, bool logarithm, ctorch_tensor *out,
                                            char **error);
CTORCH_CHECKED ctorch_status ctorch_cumsum(ctorch_tensor a, int64_t dim, ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_sort(ctorch_tensor a, int64_t dim, bool descending, ctorch_tensor *values,
                                         ctorch_tensor *indices, char **error);
CTORCH_CHECKED ctorch_status ctorch_topk(ctorch_tensor a, int64_t k, int64_t dim, ctorch_tensor *values,
                                         ctorch_tensor *indices, char **error);

CTORCH_CHECKED ctorch_status ctorch_index_select(ctorch_tensor a, int64_t dim, ctorch_tensor index, ctorch_tensor *out,
                                                 char **error);
CTORCH_CHECKED ctorch_status ctorch_gather(ctorch_tensor a, int64_t dim, ctorch_tensor index, ctorch_tensor *out,
                                           char **error);
CTORCH_CHECKED ctorch_status ctorch_index_add(ctorch_tensor a, int64_t dim, ctorch_tensor index, ctorch_tensor source,
                                              ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_embedding(ctorch_tensor weight, ctorch_tensor index, ctorch_tensor *out,
                                              char **error);

CTORCH_CHECKED ctorch_status ctorch_linear(ctorch_tensor input, ctorch_tensor weight, ctorch_tensor bias /* or NULL */,
                                           ctorch_tensor *out, char **error);
CTORCH_CHECKED ctorch_status ctorch_rms_norm(ctorch_tensor input, ctorch_tensor weight, double epsilon,
                                             ctorch_tensor *out, char **error);
// [batch, heads, tokens, size]; `mask` NULL, boolean or additive; query heads share key and value heads where these are fewer.
CTORCH_CHECKED ctorch_status ctorch_attention(ctorch_tensor query, ctorch_tensor key, ctorch_tensor value,
                                              ctorch_tensor mask /* or NULL */, bool causal, double scale,
                                              ctorch_tensor *out, char **error);

#ifdef __cplusplus
}
#endif
