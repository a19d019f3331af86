// Compiled in place of everything else where LibTorch is missing (see Package.swift): one message instead of hundreds.
#error "LibTorch was not found. Run `make libtorch` (it fetches LibTorch into .libtorch/), or set LIBTORCH=/path/to/torch, the folder of an installed PyTorch: python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))' prints it."
