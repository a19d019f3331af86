// Stops the build with one message when LibTorch is not there (see Package.swift).
#error "LibTorch was not found. Remedies: run `make libtorch` (fetches it into .libtorch/), or set LIBTORCH=/path/to/torch, the folder of an installed PyTorch with lib/ and include/ (python3 -c \"import torch, os; print(os.path.dirname(torch.__file__))\" prints it)."
