"""Mixtures of experts: logits, load-balancing losses, gradients, and short DPO runs.

    python3 Tools/reference/experts.py            writes the goldens
    python3 Tools/reference/experts.py --check    also trains with TRL's DPOTrainer, and prints the differences

The network is `Qwen3MoeForCausalLM` of `transformers`, which is MiniMind-3-MoE's too. The load-balancing loss of a Qwen3-MoE is
`load_balancing_loss_func`, which `output_router_logits` returns; MiniMind's is written down in `minimind_balance`: for each layer
experts · Σ_e (experts e of tokens / tokens) · (mean probability of e), summed over layers.

Writes for qwen3_moe (5 experts, 2 a token, the middle layer dense) and minimind_moe (4 experts, 1 a token)

    Tests/MiniMindTests/Goldens/NAME/    the files of models.py, and in golden.safetensors also
        aux_loss            [1], over all 80 tokens
        gradient_norm/NAME  of the mean of -next_token_logprobs plus `coefficient` times aux_loss
        logits_plain, aux_loss_plain     qwen3_moe with norm_topk_prob false (config_plain.json)
      stacked.safetensors   the same weights with the experts of a layer stacked, as `transformers` 5 has them in memory
    Tests/TrainingTests/Goldens/NAME/{config.json, model.safetensors, trajectory.json}
      ten steps of DPO over the pairs of dpo_run.py, each side by itself, without padding, up to the token that predicts its last
      target. A step's eight pairs are one micro-batch: its load is that of all their tokens.
    Tests/MiniMindTests/Goldens/real_size_moe.json
      the numbers of real_size.py for MiniMind-3-MoE (198 million weights), and both load-balancing losses
"""

import copy
import json
import sys

import torch
import torch.nn.functional as F
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM
from transformers.models.qwen3_moe.modeling_qwen3_moe import load_balancing_loss_func

import hashed
from dpo_run import LINEAR, VOCABULARY, compare, scheduler_for, trl_run
from models import CLASSES, SHARED, forward_golden, generation_golden, minimind_config, rope, tokens, write_config
from tiny import TESTS, deterministic, draw_weights, weights_of, write_json, write_tensors

CLASSES["qwen3_moe"] = Qwen3MoeForCausalLM
MODELS, RUNS = TESTS / "MiniMindTests" / "Goldens", TESTS / "TrainingTests" / "Goldens"
KEYS = ("num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob", "decoder_sparse_step", "mlp_only_layers",
        "router_aux_loss_coef")


def expert_config(config) -> dict:
    """The keys of experts; `transformers` writes num_local_experts and reads num_experts too."""
    return {key: getattr(config, key) for key in KEYS} | {"num_local_experts": config.num_experts}


def separate(state: dict) -> dict:
    """Each expert's weights under names of their own, as files have them."""
    parts = {}
    for name, tensor in state.items():
        if name.endswith(".experts.gate_up_proj"):
            for expert, both in enumerate(tensor):
                gate, up = both.chunk(2)
                parts[name.replace("gate_up_proj", f"{expert}.gate_proj.weight")] = gate
                parts[name.replace("gate_up_proj", f"{expert}.up_proj.weight")] = up
        elif name.endswith(".experts.down_proj"):
            for expert, down in enumerate(tensor):
                parts[name.replace("down_proj", f"{expert}.down_proj.weight")] = down
        else:
            parts[name] = tensor
    return parts


# MARK: - Load-balancing losses


def qwen_balance(router_logits, config) -> torch.Tensor:
    return load_balancing_loss_func(tuple(router_logits), config.num_experts, config.num_experts_per_tok)


def minimind_balance(router_logits, config) -> torch.Tensor:
    total = 0
    for logits in router_logits:
        probabilities = logits.softmax(-1)
        chosen = probabilities.topk(config.num_experts_per_tok, dim=-1).indices
        load = F.one_hot(chosen, config.num_experts).sum(1).to(logits.dtype).mean(0)
        total = total + config.num_experts * (load * probabilities.mean(0)).sum()
    return total


BALANCES = {"qwen3_moe": qwen_balance, "minimind_moe": minimind_balance}


# MARK: - Tiny models


def build(config, seed: int):
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    model = Qwen3MoeForCausalLM(config).eval()
    draw_weights(model, torch.Generator().manual_seed(seed))
    return model


def qwen3_moe(vocabulary: int):
    config = Qwen3MoeConfig(**SHARED | {"vocab_size": vocabulary, "num_hidden_layers": 3}, hidden_size=32, head_dim=16,
                            intermediate_size=64, moe_intermediate_size=24, num_experts=5, num_experts_per_tok=2,
                            norm_topk_prob=True, mlp_only_layers=[1], router_aux_loss_coef=0.1, rms_norm_eps=1e-6,
                            rope_parameters=rope(1e6), tie_word_embeddings=True)
    return build(config, 201)


def minimind_moe(vocabulary: int):
    config = Qwen3MoeConfig(**SHARED | {"vocab_size": vocabulary}, hidden_size=32, head_dim=8, intermediate_size=128,
                            moe_intermediate_size=128, num_experts=4, num_experts_per_tok=1, norm_topk_prob=True,
                            router_aux_loss_coef=0.02, rms_norm_eps=1e-6, rope_parameters=rope(1e6),
                            tie_word_embeddings=True)
    return build(config, 201)


def check_choices(router_logits, per_token: int, gap: float) -> None:
    """Nothing hangs on rounding: of every token the last expert that is chosen is ahead of the next."""
    for logits in router_logits:
        top = logits.topk(per_token + 1, dim=-1).values
        least = (top[:, -2] - top[:, -1]).min().item()
        assert least > gap, f"two experts are {least} apart: draw other weights"


def write_tiny(name: str, model, ids: torch.Tensor) -> None:
    config, balance = model.config, BALANCES[name]
    golden = forward_golden(model, ids)
    model.zero_grad()
    output = model(input_ids=ids, use_cache=False, output_router_logits=True)
    check_choices(output.router_logits, config.num_experts_per_tok, 1e-4)
    auxiliary = balance(output.router_logits, config)
    if name == "qwen3_moe":
        torch.testing.assert_close(auxiliary, output.aux_loss)
    logprobs = output.logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])
    (config.router_aux_loss_coef * auxiliary - logprobs.mean()).backward()
    golden |= {"loss": -logprobs.detach().mean().reshape(1), "aux_loss": auxiliary.detach().reshape(1)}
    gradients = {parameter: tensor.grad for parameter, tensor in model.named_parameters()}
    for parameter, gradient in separate(gradients).items():
        golden[f"gradient_norm/{parameter}"] = gradient.norm().reshape(1)
    model.zero_grad()
    golden |= generation_golden(model, ids)

    folder = MODELS / name
    if name == "qwen3_moe":
        plain = copy.deepcopy(model)
        for layer in plain.model.layers:
            if hasattr(layer.mlp, "gate"):
                layer.mlp.gate.norm_topk_prob = False
        output = plain(input_ids=ids, use_cache=False, output_router_logits=True)
        golden |= {"logits_plain": output.logits.detach(), "aux_loss_plain": output.aux_loss.detach().reshape(1)}
        assert (golden["logits"] - golden["logits_plain"]).abs().max() > 0.05
        write_config(folder, config, **expert_config(config))
        write_config(folder, config, "config_plain.json", **expert_config(config) | {"norm_topk_prob": False})
    else:
        shape = SHARED | {"hidden_size": 32, "head_dim": 8, "rms_norm_eps": 1e-6, "intermediate_size": 128,
                          "tie_word_embeddings": True}
        write_config(folder, minimind_config(shape) | {"use_moe": True, "router_aux_loss_coef": 0.02})
    write_tensors(folder / "model.safetensors", separate(weights_of(model)))
    write_tensors(folder / "stacked.safetensors", weights_of(model))
    write_tensors(folder / "golden.safetensors", golden)
    print(name, "aux_loss", golden["aux_loss"].item())


# MARK: - Runs


def side(model, ids: list[int], mask: list[int]):
    """log π of the targets, and the router's logits of the tokens before the last target."""
    end = max(place for place, target in enumerate(mask) if target)
    given = torch.tensor([ids[:end]])
    output = model(input_ids=given, use_cache=False, output_router_logits=True)
    logprobs = output.logits[0].log_softmax(-1).gather(-1, torch.tensor(ids[1 : end + 1])[:, None]).squeeze(-1)
    return (logprobs * torch.tensor(mask[1 : end + 1])).sum(), output.router_logits


def train(initial, pairs: list[dict], options: dict, balance) -> dict:
    policy, reference = copy.deepcopy(initial).train(), copy.deepcopy(initial).eval()
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=options["learning_rate"], betas=(options["adam_beta1"], options["adam_beta2"]),
        eps=options["adam_epsilon"], weight_decay=options["weight_decay"], foreach=False)
    scheduler = scheduler_for(options, optimizer)
    batch, coefficient = options["batch_size"], policy.config.router_aux_loss_coef
    steps = []
    for step in range(options["steps"]):
        losses, layers = [], None
        for i in range(batch):
            pair = pairs[(step * batch + i) % len(pairs)]
            (chosen, seen), (rejected, also) = (
                side(policy, pair[f"{name}_ids"], pair[f"{name}_mask"]) for name in ("chosen", "rejected"))
            with torch.no_grad():
                ref_chosen, ref_rejected = (
                    side(reference, pair[f"{name}_ids"], pair[f"{name}_mask"])[0] for name in ("chosen", "rejected"))
            losses.append(-F.logsigmoid(options["beta"] * ((chosen - rejected) - (ref_chosen - ref_rejected))))
            layers = [[] for _ in seen] if layers is None else layers
            for layer, one, two in zip(layers, seen, also, strict=True):
                layer.extend((one, two))
        routers = [torch.cat(layer) for layer in layers]
        auxiliary = balance(routers, policy.config)
        preference = torch.stack(losses).mean()
        loss = preference + coefficient * auxiliary
        loss.backward()
        gradient_norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), options["max_grad_norm"], foreach=False)
        top = torch.cat(routers).topk(policy.config.num_experts_per_tok + 1, dim=-1).values
        steps.append({
            "step": step + 1, "loss": loss.item(), "dpo_loss": preference.item(), "aux_loss": auxiliary.item(),
            "grad_norm": gradient_norm.item(), "learning_rate": scheduler.get_last_lr()[0],
            "closest_experts": (top[:, -2] - top[:, -1]).min().item(),
        })
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    after = separate(weights_of(policy))
    return {"options": options, "steps": steps,
            "parameter_norms": {name: tensor.double().norm().item() for name, tensor in after.items()}}


def write_runs() -> None:
    pairs = json.loads((RUNS / "dpo20" / "pairs.json").read_text())
    options = LINEAR | {"steps": 10, "batch_size": 8, "gradient_accumulation_steps": 1}
    for name, make in (("qwen3_moe", qwen3_moe), ("minimind_moe", minimind_moe)):
        initial = make(VOCABULARY)
        run = train(initial, pairs, options, BALANCES[name])
        per_layer = {"router_aux_loss_per_layer": True} if name == "minimind_moe" else {}
        write_config(RUNS / name, initial.config, **expert_config(initial.config) | per_layer)
        write_tensors(RUNS / name / "model.safetensors", separate(weights_of(initial)))
        write_json(RUNS / name / "trajectory.json", run)
        print(name, *(f"{step['loss']:.4f}" for step in run["steps"]),
              "closest experts", min(step["closest_experts"] for step in run["steps"]))
        if "--check" in sys.argv:
            exact = train(copy.deepcopy(initial).double(), pairs, options, BALANCES[name])
            for key in ("loss", "dpo_loss", "aux_loss", "grad_norm"):
                worst = max(abs(a[key] - b[key]) for a, b in zip(run["steps"], exact["steps"], strict=True))
                print(f"  float32 against float64: {key} differs by at most {worst:.3g}")


# MARK: - The real size


@torch.no_grad()
def write_real_size() -> None:
    seed, tokens_seed, length = 20250103, 20250102, 1024
    model = hashed.minimind3_moe(seed)
    ids = torch.tensor([hashed.token_ids(length, 6400, tokens_seed)])
    output = model(input_ids=ids, use_cache=False, output_router_logits=True)
    check_choices(output.router_logits, 1, 2e-6)
    logits = output.logits[0]
    logprobs = logits[:-1].double().log_softmax(-1).gather(-1, ids[0, 1:, None]).squeeze(-1)
    positions = [0, 1, 2, 63, 255, 511, 512, 767, 1000, 1022, 1023]
    golden = {
        "weights_seed": seed, "tokens_seed": tokens_seed, "tokens": length,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "names": [name for name, _ in hashed.separate_parameters(model)],
        "logits": [{"position": position, "token": token, "value": logits[position, token].item()}
                   for position in positions for token in [(position * 37 + k * 911) % 6400 for k in range(8)]],
        "logprobs": logprobs[::16].tolist(), "logprob_sum": logprobs.sum().item(),
        "aux_loss_layers": minimind_balance(output.router_logits, model.config).item(),
        "aux_loss_model": output.aux_loss.item(),
    }
    print("real size:", golden["parameters"], golden["aux_loss_layers"], golden["aux_loss_model"])
    write_json(MODELS / "real_size_moe.json", golden, indent=None)


if __name__ == "__main__":
    deterministic(0)
    write_tiny("qwen3_moe", qwen3_moe(256), tokens(112))
    write_tiny("minimind_moe", minimind_moe(256), tokens(122))
    write_runs()
    write_real_size()
