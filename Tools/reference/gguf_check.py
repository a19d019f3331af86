"""Compares a GGUF file that `minimind-dpo convert` has written with the Hugging Face folder that it was made of.

    python3 gguf_check.py MODEL.gguf FOLDER [TEXTS.jsonl]

With PyPI's `gguf`: every tensor, back in the order of the folder's, and the metadata. Where `llama-cpp-python` is
installed: the logits of llama.cpp against those of transformers (1e-3 in float32), and the ids of texts, those of the messages
in TEXTS.jsonl too. Prints a line for each comparison; ends with 1 where one fails, with 77 where `gguf` is missing.
"""
import json
import sys

import numpy as np

try:
    from gguf import GGMLQuantizationType, GGUFReader, dequantize
except ImportError:
    print("PyPI's gguf is not installed")
    sys.exit(77)
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "ffn_gate_inp": "mlp.gate",
}
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
failed = False


def compare(what, found, limit):
    global failed
    ok = found <= limit
    failed |= not ok
    print("%-9s %s: %.3g (limit %.3g)" % ("ok" if ok else "DIFFERENT", what, found, limit))


def halves(rows, heads):
    """The rows of a Llama's queries or keys: neighbours back into two halves of each head."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, size // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def expected(name, state, layers):
    part = name.rsplit(".", 1)
    if name.startswith("blk."):
        layer, place = name.split(".")[1:3]
        prefix = "model.layers.%s." % layer
        if place.endswith("_exps"):
            projection = place.split("_")[1]
            stacked = {"gate": "gate_up_proj", "up": "gate_up_proj", "down": "down_proj"}[projection]
            both = state.get(prefix + "mlp.experts." + stacked)
            if both is not None:
                half = both.shape[1] // 2
                return both if projection == "down" else both[:, :half] if projection == "gate" else both[:, half:]
            names = [n for n in state if n.startswith(prefix + "mlp.experts.") and n.endswith(projection + "_proj.weight")]
            return torch.stack([state[n] for n in sorted(names, key=lambda n: int(n.split(".")[5]))])
        return state[prefix + NAMES[place] + "." + part[1]]
    return state[OUTER[part[0]] + "." + part[1]]


def check_tensors(reader, model):
    state = {name: value.float() for name, value in model.state_dict().items()}
    config = model.config
    architecture = reader.get_field("general.architecture").contents()
    worst, worst_name = {}, {}
    for tensor in reader.tensors:
        if tensor.name == "rope_freqs.weight":
            continue
        found = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if architecture == "llama" and ".attn_q." in tensor.name:
            found = halves(found, config.num_attention_heads)
        if architecture == "llama" and ".attn_k." in tensor.name:
            found = halves(found, config.num_key_value_heads)
        want = expected(tensor.name, state, config.num_hidden_layers).numpy()
        kind = tensor.tensor_type
        assert found.shape == want.shape, (tensor.name, found.shape, want.shape)
        scale = {
            GGMLQuantizationType.F32: 0 * want + 1e-30, GGMLQuantizationType.F16: np.abs(want) * 2**-11 + 2**-25,
        }.get(kind)
        if scale is None:
            # Half a step of 1/127 of the block's largest, and the rounding of the scale to half precision.
            blocks = np.abs(want.reshape(-1, 32)).max(axis=1, keepdims=True).repeat(32, axis=1).reshape(want.shape)
            scale = blocks / 127 * 0.5 + blocks * 2**-10 + 1e-30
        off = float((np.abs(found - want) / scale).max())
        if off > worst.get(kind, -1):
            worst[kind], worst_name[kind] = off, tensor.name
    for kind, off in worst.items():
        compare("%d tensors of %s, in roundings, worst %s" % (
            sum(t.tensor_type == kind for t in reader.tensors), kind.name, worst_name[kind]), off, 1.0)
    tied = model.config.tie_word_embeddings
    missing = [n for n in ("output.weight",) if not tied and n not in {t.name for t in reader.tensors}]
    compare("tensors that are missing %s" % missing, len(missing), 0)


def check_metadata(reader, folder, tokenizer, model):
    def field(name):
        found = reader.get_field(name)
        return None if found is None else found.contents()

    vocabulary = {token: i for token, i in tokenizer.get_vocab().items()}
    tokens = field("tokenizer.ggml.tokens")
    wrong = [token for token, i in vocabulary.items() if tokens[i] != token]
    compare("tokens that differ %s" % wrong[:3], len(wrong), 0)
    merges = json.load(open(folder + "/tokenizer.json", encoding="utf-8"))["model"]["merges"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in merges]
    compare("merges that differ", sum(a != b for a, b in zip(merges, field("tokenizer.ggml.merges"))) + abs(
        len(merges) - len(field("tokenizer.ggml.merges"))), 0)
    kinds = field("tokenizer.ggml.token_type")
    special = [i for i, token in tokenizer.added_tokens_decoder.items() if token.special and kinds[i] != 3]
    other = [i for i, token in tokenizer.added_tokens_decoder.items() if not token.special and kinds[i] != 4]
    compare("added tokens of the wrong kind", len(special) + len(other), 0)
    compare("the template differs", field("tokenizer.chat_template") != tokenizer.chat_template, 0)
    for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding")):
        i = getattr(tokenizer, name + "_token_id")
        if i is not None:
            compare("id of %s" % name, abs(field("tokenizer.ggml.%s_token_id" % key) - i), 0)


def check_llama(path, reader, model, tokenizer, texts):
    try:
        from llama_cpp import GGML_TYPE_F32, Llama
    except ImportError:
        return print("skipped   llama-cpp-python is not installed")
    # Its cache of keys and values is in half precision unless told otherwise.
    llama = Llama(
        path, n_ctx=512, n_batch=512, logits_all=True, verbose=False, n_threads=2, flash_attn=False,
        type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32)
    differ, count = 0, 0
    for text in texts:
        want = tokenizer.encode(text, add_special_tokens=False)
        found = llama.tokenize(text.encode(), add_bos=False, special=True)
        count += len(want)
        if want != found:
            differ += 1
            print("          other ids:", repr(text[:60]))
    compare("texts of %d, %d tokens, whose ids differ" % (len(texts), count), differ, 0)
    ids = tokenizer.encode(" ".join(texts[:40]), add_special_tokens=False)[:300]
    with torch.no_grad():
        want = model(torch.tensor([ids])).logits[0].float().numpy()
    llama.reset()
    llama.eval(ids)
    found = np.array(llama.scores[: len(ids)])
    kinds = {t.tensor_type for t in reader.tensors}
    exact = kinds == {GGMLQuantizationType.F32}
    off = np.abs(found - want).max(axis=1)
    what = "logits of %d tokens (largest %.3g)" % (len(ids), np.abs(want).max())
    if exact:
        return compare(what, float(off.max()), 1e-3)
    # What is stored in fewer bits, and multiplied so, is only close; a router may choose another expert for a token.
    compare(what + ", of half of the tokens", float(np.median(off)), 0.05 * float(np.abs(want).max()))


def main():
    path, folder = sys.argv[1:3]
    reader = GGUFReader(path)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = ["Hello, world! It's 12345 o'clock.", "你好，世界。今天是2026年。", "a  b\n\n  c\td", "<think>\n\n</think>\n\nYes<|im_end|>"]
    for file in sys.argv[3:]:
        for line in open(file, encoding="utf-8"):
            record = json.loads(line)
            texts += [m["content"] for side in ("chosen", "rejected") for m in record[side]]
    check_tensors(reader, model)
    check_metadata(reader, folder, tokenizer, model)
    check_llama(path, reader, model, tokenizer, texts)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
