"""What `jobs.models.content.device.fused` computes, in plain torch and text by text: for where no Triton is."""

import torch


def embed(tokens, places, words, spots, norm):
    return _normed(words[tokens.long()].float() + spots[places.long()].float(), norm).to(words.dtype)


def add_norm(x, bias, states, norm):
    return _normed(x.float() + states.float() + bias, norm).to(states.dtype)


def attend(joint, blocks, heads):
    out = torch.full((len(joint), joint.shape[1] // 3), torch.nan, dtype=joint.dtype)
    for first, length, before in blocks.tolist():
        if length and before == 0:
            q, k, v = joint[first : first + length].float().view(length, 3, heads, -1).permute(1, 2, 0, 3)
            found = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, -1) @ v
            out[first : first + length] = found.transpose(0, 1).reshape(length, -1).to(out.dtype)
    return out


def pool(states, texts, first_token):
    out = torch.full((len(texts), states.shape[1]), torch.nan)
    for text, (first, length) in enumerate(texts.tolist()):
        if length:
            own = states[first : first + (1 if first_token else length)].float()
            out[text] = torch.nn.functional.normalize(own.mean(0), dim=0)
    return out


def _normed(x, norm):
    gain, shift, epsilon = norm
    return torch.nn.functional.layer_norm(x, x.shape[1:], gain, shift, epsilon)
