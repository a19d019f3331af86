// What is compiled of this library where LibTorch is missing: nothing. CTorch stops the compiler with the remedies.
