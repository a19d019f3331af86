// LibTorch's header of the Gloo back end includes Gloo's own headers, which its wheels leave out. What it needs of them are
// the names declared here; objects of these types are made and used inside LibTorch only.
#pragma once
