// LibTorch's header of the Gloo back end includes Gloo's own headers, which its packages omit. It needs only the names
// declared here; objects of these types are created and used inside LibTorch.
#pragma once
