const quiet = () => process.env.GANTRY_QUIET === '1'

/** One line about what is being done now. */
export function say(text) {
  if (!quiet()) console.log(`gantry: ${text}`)
}

/** Ends the program with a message a person can act on. */
export function fail(text, code = 1) {
  console.error(`gantry: ${text}`)
  process.exit(code)
}

/** Says what begins, does it, and says how long it took when that was noticeable. */
export async function step(text, action) {
  say(text)
  const from = performance.now()
  const result = await action()
  const seconds = (performance.now() - from) / 1000
  if (seconds >= 1) say(`  done in ${seconds.toFixed(1)} s`)
  return result
}
