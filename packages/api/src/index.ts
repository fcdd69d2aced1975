export type { Context } from './context.ts'
export { type AppRouter, appRouter } from './router.ts'
export { type ProcedureMeta, createCallerFactory } from './trpc.ts'
