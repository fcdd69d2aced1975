const cell = new Int32Array(new SharedArrayBuffer(4))

/** Waits without giving way: a command has nothing else to do. */
export function sleep(ms: number): void {
  Atomics.wait(cell, 0, 0, ms)
}
