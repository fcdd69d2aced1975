/**
 * A plan is a flat, ordered list of operations. TypeScript decides it, the native helper carries it out without choices.
 * Every operation is `[name, ...arguments]`, all strings; the native side documents each name and its arguments.
 */
export type Op = readonly [name: string, ...args: string[]]
