"""Fine-tuning a text model on what shoppers do, or on titles made worse where nobody knows what they do."""
