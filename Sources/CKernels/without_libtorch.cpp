// Compiled instead of this library where LibTorch is missing. CTorch then stops the compiler with a message.
