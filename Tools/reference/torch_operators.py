"""Every operator of the Torch target, and its optimizer, clipping and generators, as PyTorch computes them.

    python3 Tools/reference/torch_operators.py

writes Tests/TorchTests/Goldens/operators.json:

    operators    name → inputs, output, and where it can be differentiated: weight (what `backward` is given) and
                 gradients (of the inputs; null where an input is not a variable)
    adamw        five steps of torch.optim.AdamW on two parameters
    clip         torch.nn.utils.clip_grad_norm_ on the same shapes, above and below the norm
    generators   what torch.Generator().manual_seed(seed) gives for normal_ and uniform_

The arguments of each operator are here and, under the same name, in Tests/TorchTests/OperatorTable.swift.
"""

import math

import numpy
import torch
import torch.nn.functional as F

from tiny import TESTS, deterministic, write_json

generator = deterministic(11)


def normal(*shape):
    return torch.randn(shape, generator=generator)


def positive(*shape):
    return torch.rand(shape, generator=generator) + 0.5


def whole(high, *shape):
    return torch.randint(high, shape, generator=generator)


def truth(*shape):
    return torch.rand(shape, generator=generator) < 0.5


A, B = (2, 3), (3, 4)
SPECIAL = torch.tensor([1.0, math.inf, -math.inf, math.nan])
TIES = torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
MASK = torch.tensor([[True, False, False], [True, True, False], [False, True, True]])

# name → (function, inputs); floating-point inputs are variables where the output is floating-point.
OPERATORS = {
    "negated": (torch.neg, [normal(*A)]),
    "abs": (torch.abs, [normal(*A)]),
    "exp": (torch.exp, [normal(*A)]),
    "log": (torch.log, [positive(*A)]),
    "sqrt": (torch.sqrt, [positive(*A)]),
    "rsqrt": (torch.rsqrt, [positive(*A)]),
    "sin": (torch.sin, [normal(*A)]),
    "cos": (torch.cos, [normal(*A)]),
    "sigmoid": (torch.sigmoid, [normal(*A)]),
    "logSigmoid": (F.logsigmoid, [normal(*A) * 40]),
    "silu": (F.silu, [normal(*A)]),
    "relu": (torch.relu, [normal(*A)]),
    "isFinite": (torch.isfinite, [SPECIAL]),
    "logicalNot": (torch.logical_not, [truth(5)]),
    "add": (torch.add, [normal(*A), normal(3)]),
    "add a number": (lambda x: x + 1.5, [normal(*A)]),
    "subtract": (torch.sub, [normal(*A), normal(2, 1)]),
    "subtract a number": (lambda x: x - 1.5, [normal(*A)]),
    "multiply": (torch.mul, [normal(*A), normal(3)]),
    "multiply a number": (lambda x: x * 1.5, [normal(*A)]),
    "divide": (torch.div, [normal(*A), positive(3)]),
    "divide a number": (lambda x: x / 1.5, [normal(*A)]),
    "power": (lambda x: x**2.5, [positive(*A)]),
    "maximum": (torch.maximum, [normal(*A), normal(*A)]),
    "minimum": (torch.minimum, [normal(*A), normal(*A)]),
    "matmul": (torch.matmul, [normal(*A), normal(*B)]),
    "matmul of batches": (torch.matmul, [normal(2, 1, *A), normal(2, *B)]),
    "equal": (torch.eq, [TIES, torch.full(A, 2.0)]),
    "equal to a number": (lambda x: x == 2, [TIES]),
    "notEqual": (torch.ne, [TIES, torch.full(A, 2.0)]),
    "less": (torch.lt, [TIES, torch.full(A, 2.0)]),
    "less than a number": (lambda x: x < 2, [TIES]),
    "greater": (torch.gt, [TIES, torch.full(A, 2.0)]),
    "greater than a number": (lambda x: x > 2, [TIES]),
    "greaterOrEqual to a number": (lambda x: x >= 2, [TIES]),
    "logicalAnd": (torch.logical_and, [truth(8), truth(8)]),
    "clamp": (lambda x: x.clamp(-0.5, 0.5), [normal(*A)]),
    "choose": (torch.where, [truth(*A), normal(*A), normal(*A)]),
    "maskedFill": (lambda x, mask: x.masked_fill(mask, -7), [normal(*A), truth(*A)]),
    "lowerTriangle": (lambda x: x.tril(1), [normal(3, 4)]),
    "addInPlace": (lambda x, y: x.clone().add_(y), [normal(*A), normal(3)]),
    "addInPlace a number": (lambda x: x.clone().add_(1.5), [normal(*A)]),
    "subtractInPlace": (lambda x, y: x.clone().sub_(y), [normal(*A), normal(3)]),
    "multiplyInPlace": (lambda x, y: x.clone().mul_(y), [normal(*A), normal(3)]),
    "multiplyInPlace a number": (lambda x: x.clone().mul_(1.5), [normal(*A)]),
    "fillInPlace": (lambda x: x.clone().fill_(1.5), [normal(*A)]),
    "copyInPlace": (lambda x, y: x.clone().copy_(y), [normal(*A), normal(3)]),
    "reshape": (lambda x: x.reshape(3, -1), [normal(*A)]),
    "view": (lambda x: x.view(3, 2), [normal(*A)]),
    "expand": (lambda x: x.expand(2, 4, -1), [normal(1, 3)]),
    "transpose": (lambda x: x.transpose(0, -1).contiguous(), [normal(2, 3, 2)]),
    "permute": (lambda x: x.permute(2, 0, 1).clone(), [normal(2, 3, 2)]),
    "narrow": (lambda x: x.narrow(1, 1, 2), [normal(*A)]),
    "select": (lambda x: x.select(1, -1), [normal(*A)]),
    "unsqueeze": (lambda x: x.unsqueeze(1), [normal(*A)]),
    "squeeze": (lambda x: x.squeeze(1), [normal(2, 1, 3)]),
    "split": (lambda x: x.split([1, 3], dim=1)[1], [normal(2, 4)]),
    "concatenate": (lambda x, y: torch.cat([x, y], dim=1), [normal(2, 1), normal(*A)]),
    "stack": (lambda x, y: torch.stack([x, y], dim=1), [normal(*A), normal(*A)]),
    "to float64": (lambda x: x.to(torch.float64), [normal(*A)]),
    "to bfloat16 and back": (lambda x: x.to(torch.bfloat16).to(torch.float32), [normal(*A)]),
    "to int64": (lambda x: x.to(torch.int64), [normal(*A) * 10]),
    "sum": (torch.sum, [normal(*A)]),
    "sum over a dimension": (lambda x: x.sum(0), [normal(*A)]),
    "sum of whole numbers": (torch.sum, [whole(100, *A)]),
    "mean": (torch.mean, [normal(*A)]),
    "mean over a dimension": (lambda x: x.mean(-1, keepdim=True), [normal(*A)]),
    "max": (torch.amax, [normal(*A)]),
    "max over a dimension": (lambda x: x.amax(1), [normal(*A)]),
    "min": (torch.amin, [normal(*A)]),
    "min over a dimension": (lambda x: x.amin(0, keepdim=True), [normal(*A)]),
    "any": (torch.any, [truth(4)]),
    "any over a dimension": (lambda x: x.any(1), [truth(3, 2)]),
    "all": (torch.all, [truth(4)]),
    "all over a dimension": (lambda x: x.all(1), [truth(3, 2)]),
    "argmax": (torch.argmax, [normal(*A)]),
    "argmax over a dimension": (lambda x: x.argmax(1), [normal(*A)]),
    "logSumExp": (lambda x: x.logsumexp(1), [normal(*A) * 100]),
    "norm": (torch.linalg.vector_norm, [normal(*A)]),
    "softmax": (lambda x: x.softmax(0), [normal(*A)]),
    "logSoftmax": (lambda x: x.log_softmax(-1), [normal(*A) * 50]),
    "cumulativeSum": (lambda x: x.cumsum(1), [normal(*A)]),
    "sorted, values": (lambda x: x.sort(dim=1, descending=True).values, [normal(2, 4)]),
    "sorted, indices": (lambda x: x.sort(dim=0).indices, [normal(4, 2)]),
    "top, values": (lambda x: x.topk(2).values, [normal(2, 5)]),
    "top, indices": (lambda x: x.topk(2).indices, [normal(2, 5)]),
    "indexSelect": (lambda x, i: x.index_select(1, i), [normal(*A), torch.tensor([2, 0, 2])]),
    "gather": (lambda x, i: x.gather(1, i), [normal(*A), torch.tensor([[2, 0], [1, 1]])]),
    "indexAdd": (lambda x, i, y: x.index_add(0, i, y), [normal(3, 2), torch.tensor([2, 2]), normal(2, 2)]),
    "linear": (F.linear, [normal(2, 2, 3), normal(4, 3)]),
    "linear with a bias": (F.linear, [normal(2, 3), normal(4, 3), normal(4)]),
    "embedding": (lambda index, weight: F.embedding(index, weight), [torch.tensor([[0, 2], [2, 1]]), normal(3, 2)]),
    "rmsNorm": (lambda x, w: F.rms_norm(x, w.shape, w, 1e-3), [normal(2, 4), positive(4)]),
    "attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.5),
        [normal(1, 2, 3, 2), normal(1, 2, 4, 2), normal(1, 2, 4, 2)],
    ),
    "attention, causal": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.5),
        [normal(1, 2, 3, 2), normal(1, 2, 3, 2), normal(1, 2, 3, 2)],
    ),
    "attention, boolean mask": (
        lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.5),
        [normal(1, 2, 3, 2), normal(1, 2, 3, 2), normal(1, 2, 3, 2), MASK],
    ),
    "attention, grouped heads": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.5, enable_gqa=True),
        [normal(1, 4, 3, 2), normal(1, 2, 3, 2), normal(1, 2, 3, 2)],
    ),
}


def shortest(value, dtype):
    """The shortest decimal that reads back as the same float32: the file stays small."""
    if isinstance(value, float) and dtype != torch.float64:
        return float(str(numpy.float32(value)))
    return value


def plain(tensor):
    values = [shortest(value, tensor.dtype) for value in tensor.detach().flatten().tolist()]
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch."), "values": values}


def case(function, inputs):
    inputs = [x.clone() for x in inputs]
    output = function(*inputs)
    result = {"inputs": [plain(x) for x in inputs], "output": plain(output)}
    if output.is_floating_point():
        variables = [x.requires_grad_() for x in inputs if x.is_floating_point()]
        weight = torch.randn(output.shape, generator=generator).to(output.dtype)
        function(*inputs).backward(weight)
        result["weight"] = plain(weight)
        # PyTorch leaves the gradient of a variable undefined if the output does not depend on it.
        result["gradients"] = [
            plain(x.grad) if any(x is v for v in variables) and x.grad is not None else None for x in inputs
        ]
    return result


def adamw():
    shapes = [(3, 5), (7,)]
    options = {"lr": 0.01, "betas": (0.9, 0.95), "eps": 1e-6, "weight_decay": 0.1}
    parameters = [normal(*shape).requires_grad_() for shape in shapes]
    start = [plain(p) for p in parameters]
    optimizer = torch.optim.AdamW(parameters, **options)
    steps = []
    for _ in range(5):
        for p in parameters:
            p.grad = normal(*p.shape)
        optimizer.step()
        steps.append({"gradients": [plain(p.grad) for p in parameters], "parameters": [plain(p) for p in parameters]})
    return {
        "learningRate": options["lr"],
        "beta1": options["betas"][0],
        "beta2": options["betas"][1],
        "epsilon": options["eps"],
        "weightDecay": options["weight_decay"],
        "start": start,
        "steps": steps,
        "firstMoments": [plain(optimizer.state[p]["exp_avg"]) for p in parameters],
        "secondMoments": [plain(optimizer.state[p]["exp_avg_sq"]) for p in parameters],
    }


def clip():
    gradients = [normal(3, 5), normal(7)]
    cases = []
    for maximum in (1.0, 100.0):
        parameters = [torch.zeros_like(g).requires_grad_() for g in gradients]
        for p, g in zip(parameters, gradients):
            p.grad = g.clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, maximum)
        cases.append({"maximum": maximum, "norm": norm.item(), "gradients": [plain(p.grad) for p in parameters]})
    return {"gradients": [plain(g) for g in gradients], "cases": cases}


def generators():
    cases = []
    for seed, count in ((0, 5), (42, 33), (2**40 + 7, 17)):  # 16 and more are drawn by a different algorithm
        source = torch.Generator().manual_seed(seed)
        cases.append({
            "seed": seed,
            "normal": plain(torch.empty(count).normal_(1, 2, generator=source)),
            "uniform": plain(torch.empty(count).uniform_(-1, 3, generator=source)),
        })
    return cases


write_json(
    TESTS / "TorchTests/Goldens/operators.json",
    {
        "operators": {name: case(*entry) for name, entry in OPERATORS.items()},
        "adamw": adamw(),
        "clip": clip(),
        "generators": generators(),
    },
    indent=None,
)
