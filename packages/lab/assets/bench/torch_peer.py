"""The same training step in PyTorch, as the peer of `hadamard bench`.

Reads one JSON line per request from standard input and answers one JSON line each:
  {"setup": {layers, hidden, heads, intermediate, vocab, positions, threads}}
  {"train": {batch, sequence, steps}}   -> {"ms": milliseconds per step}
  {"infer": {batch, sequence, steps}}   -> {"ms": milliseconds per batch}
  {"batches": {rows}}                   -> {"ms": milliseconds per step}; rows: batches of rows of token ids, padded here to the longest of each
  {"peak": true}                        -> {"peakMb": peak resident memory}
Frozen backbone, trainable: a Hadamard adapter on the attention context and the LayerNorm after it in every layer; AdamW.
"""

import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Layer(nn.Module):
    def __init__(self, hidden, heads, intermediate):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.dense = (nn.Linear(hidden, hidden) for _ in range(4))
        self.norm, self.out_norm = nn.LayerNorm(hidden, eps=1e-12), nn.LayerNorm(hidden, eps=1e-12)
        self.up, self.down = nn.Linear(hidden, intermediate), nn.Linear(intermediate, hidden)
        self.w, self.b = nn.Parameter(torch.ones(hidden)), nn.Parameter(torch.zeros(hidden))

    def forward(self, x, bias):
        batch, sequence, hidden = x.shape
        split = lambda t: t.view(batch, sequence, self.heads, hidden // self.heads).transpose(1, 2)
        context = F.scaled_dot_product_attention(split(self.query(x)), split(self.key(x)), split(self.value(x)), attn_mask=bias)
        context = context.transpose(1, 2).reshape(batch, sequence, hidden) * self.w + self.b
        x = self.norm(self.dense(context) + x)
        return self.out_norm(self.down(F.gelu(self.up(x))) + x)


class Encoder(nn.Module):
    def __init__(self, layers, hidden, heads, intermediate, vocab, positions):
        super().__init__()
        self.words, self.positions, self.types = nn.Embedding(vocab, hidden), nn.Embedding(positions, hidden), nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.layers = nn.ModuleList(Layer(hidden, heads, intermediate) for _ in range(layers))
        self.classifier = nn.Linear(hidden, 2)

    def forward(self, ids, mask):
        bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        x = self.norm(self.words(ids) + self.types(torch.zeros_like(ids)) + self.positions(torch.arange(ids.shape[1])))
        for layer in self.layers:
            x = layer(x, bias)
        return self.classifier(x[:, 0])


def setup(options):
    torch.manual_seed(0)
    torch.set_num_threads(options["threads"])
    model = Encoder(*(options[key] for key in ("layers", "hidden", "heads", "intermediate", "vocab", "positions")))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.endswith((".w", ".b")) or (".norm." in name and name.startswith("layers."))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return model, torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.0), options["vocab"]


def timed(steps, action):
    start = time.perf_counter()
    for _ in range(steps):
        action()
    return {"ms": 1000 * (time.perf_counter() - start) / steps}


def main():
    model = optimizer = None
    vocab = 0
    for line in sys.stdin:
        request = json.loads(line)
        if "setup" in request:
            model, optimizer, vocab = setup(request["setup"])
            blas = "MKL" if torch.backends.mkl.is_available() else "other BLAS"
            reply = {"peer": f"PyTorch {torch.__version__} ({blas})"}
        elif "peak" in request:
            reply = {"peakMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        elif "batches" in request:
            batches = iter(request["batches"]["rows"])

            def train_rows():
                rows = next(batches)
                longest = max(len(row) for row in rows)
                ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
                mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(model(ids, mask), torch.arange(len(rows)) % 2).backward()
                optimizer.step()

            reply = timed(len(request["batches"]["rows"]), train_rows)
        else:
            kind, options = next(iter(request.items()))
            shape = (options["batch"], options["sequence"])
            ids = torch.randint(5, vocab, shape)
            mask = torch.ones(shape, dtype=torch.long)
            labels = torch.arange(shape[0]) % 2

            def train():
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(model(ids, mask), labels).backward()
                optimizer.step()

            def infer():
                with torch.inference_mode():
                    model(ids, mask)

            reply = timed(options["steps"], train if kind == "train" else infer)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
