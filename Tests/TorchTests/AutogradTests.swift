import Foundation
import Synchronization
import Testing
import Torch

@Suite("Gradients") struct AutogradTests {
  @Test("Gradients accumulate over calls, in place in the given tensor")
  func accumulation() throws {
    let x = try Tensor([1, 2] as [Float])
    try x.setRequiresGrad(true)
    #expect(try x.gradient() == nil)
    let gradient = try Tensor.zeros([2])
    try x.setGradient(gradient)
    for _ in 0..<2 { try x.power(2).sum().backward() }
    #expect(try gradient.array(Float.self) == [4, 8])
    try x.setGradient(nil)
    #expect(try x.gradient() == nil)
    try x.sum().backward()
    #expect(try gradient.array(Float.self) == [4, 8])
  }

  @Test("Gradients stop at detached tensors")
  func detached() throws {
    let x = try Tensor([3] as [Float])
    try x.setRequiresGrad(true)
    try x.detached().multiply(x).sum().backward()
    #expect(try x.gradient()?.item() == 3)
    try x.setRequiresGrad(false)
    #expect(try !x.multiply(2).requiresGrad)
  }

  @Test("Nothing is recorded in withoutGrad")
  func withoutGradients() throws {
    let x = try Tensor.ones([2])
    try x.setRequiresGrad(true)
    let y = try withoutGrad {
      #expect(!isGradEnabled)
      try x.fillInPlace(3)  // without recording, a leaf may be written
      return try x.multiply(2)
    }
    #expect(isGradEnabled)
    #expect(!y.requiresGrad)
    #expect(try x.multiply(2).requiresGrad)
  }

  @Test("Recording resumes after a body throws, at any depth")
  func afterErrors() throws {
    struct Interruption: Error {}
    #expect(throws: Interruption.self) {
      try withoutGrad { () throws(Interruption) in
        withoutGrad { #expect(!isGradEnabled) }
        #expect(!isGradEnabled)
        throw Interruption()
      }
    }
    #expect(isGradEnabled)
    #expect(throws: TorchError.self) { try withoutGrad { try Tensor.zeros([2]).select(0, 9) } }
    #expect(isGradEnabled)
  }

  @Test("Recording is switched off on one thread only")
  func onOneThread() {
    let seen = Mutex<Bool?>(nil)
    withoutGrad {
      let done = DispatchSemaphore(value: 0)
      Thread {
        seen.withLock { $0 = isGradEnabled }
        done.signal()
      }.start()
      done.wait()
    }
    #expect(seen.withLock { $0 } == true)
  }
}
