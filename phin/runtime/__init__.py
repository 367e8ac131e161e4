"""The engines of exported models: by ONNX Runtime, without torch, and by ExecuTorch, as on a phone."""
