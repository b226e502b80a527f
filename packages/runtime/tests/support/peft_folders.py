"""Adapter folders as PEFT writes them, with random values, and what PyTorch computes with them.

python3 peft_folders.py CASES OUT: CASES is a JSON list of {name, fixture (folder), model (class of transformers), peft (config), method (class of peft)}; each becomes OUT/name with an
expected.safetensors beside the two files of PEFT.
"""

import json
import sys
import warnings

import peft
import torch
import transformers
from safetensors.torch import save_file

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()

IDS = torch.tensor([[5, 18, 31, 44, 57, 2], [9, 61, 2, 1, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])


def randomize(model):
    """What PEFT trains starts as an adapter that changes nothing."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            mean = 1.0 if "ia3_l" in name or ("norm" in name.lower() and name.endswith("weight")) else 0.0
            parameter.data = mean + 0.3 * torch.randn_like(parameter)


for case in json.load(open(sys.argv[1])):
    torch.manual_seed(sum(map(ord, case["name"])))
    config = transformers.AutoConfig.from_pretrained(case["fixture"], num_labels=case.get("labels", 2), attn_implementation="eager")
    base = getattr(transformers, case["model"]).from_pretrained(case["fixture"], config=config)
    model = peft.get_peft_model(base, getattr(peft, case["method"])(**case["peft"])).eval()
    randomize(model)
    folder = f"{sys.argv[2]}/{case['name']}"
    model.save_pretrained(folder)
    # In float64 from the float32 values, as the fixtures were recorded.
    with torch.no_grad():
        answer = model.double()(input_ids=IDS, attention_mask=MASK, output_hidden_states=True)
    hidden = answer.get("last_hidden_state", None)
    if hidden is None:
        hidden = (answer.get("decoder_hidden_states") or answer["hidden_states"])[-1]
    expected = {"hidden": hidden}
    if "start_logits" in answer:
        expected["logits"] = torch.stack([answer["start_logits"], answer["end_logits"]], -1)
    elif "logits" in answer:
        expected["logits"] = answer["logits"]
    save_file({"input_ids": IDS, "attention_mask": MASK, **{name: value.contiguous() for name, value in expected.items()}}, f"{folder}/expected.safetensors")
