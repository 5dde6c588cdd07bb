"""Stage `train_text`: the text model, fine-tuned on what shoppers do."""
