import { randomUUID } from 'node:crypto'
import { GantryError } from '@gantry/contracts'
import type { Permission, StreamCase, UseCase } from '@gantry/core'
import { initTRPC } from '@trpc/server'
import { type z, ZodVoid } from 'zod'
import type { Context } from './context.ts'
import { isUnexpected, toTrpcError, toWireError } from './error-format.ts'

/** Who may call a procedure, for whoever enumerates the router. */
export interface ProcedureMeta {
  verb: string
  permission: Permission
}

const t = initTRPC
  .context<Context>()
  .meta<ProcedureMeta>()
  .create({
    sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 30_000 } },
    // Never a stack: it is for the log.
    isDev: false,
    errorFormatter({ shape, error, ctx, path }) {
      const id = randomUUID().slice(0, 8)
      const gantry = toWireError(error, id)
      if (isUnexpected(error)) ctx?.backend.log.error('request failed', { id, path, error: error.cause ?? error })
      return { message: gantry.message, code: shape.code, data: { code: shape.data.code, httpStatus: shape.data.httpStatus, path, gantry } }
    },
  })

export const { router, createCallerFactory } = t

/** Our errors keep their code on the way through tRPC. */
const base = t.procedure.use(async ({ next }) => {
  const result = await next()
  if (!result.ok && result.error.cause instanceof GantryError) throw toTrpcError(result.error.cause)
  return result
})

/**
 * A procedure with the use case's permission and input. Without an input there is nothing to parse: tRPC would try all the
 * same, and browsers send mutations without one with an empty body.
 */
function procedure<S extends z.ZodType>({ verb, permission, input }: { verb: string; permission: Permission; input: S }) {
  const declared = base.meta({ verb, permission })
  const parsing = declared.input(input)
  return (input instanceof ZodVoid ? declared : parsing) as typeof parsing
}

/** A procedure is a use case behind tRPC: its input, its permission, its answer. */
export function query<S extends z.ZodType, O>(useCase: UseCase<S, O>) {
  return procedure(useCase).query(({ ctx, input }) => useCase.execute(ctx.backend, ctx.caller, input))
}

export function mutation<S extends z.ZodType, O>(useCase: UseCase<S, O>) {
  return procedure(useCase).mutation(({ ctx, input }) => useCase.execute(ctx.backend, ctx.caller, input))
}

/** A mutation whose answer is not the use case's own: `answer` turns one into the other. */
export function mutationWith<S extends z.ZodType, O, R>(useCase: UseCase<S, O>, answer: (output: O, ctx: Context) => R) {
  return procedure(useCase).mutation(async ({ ctx, input }) => answer(await useCase.execute(ctx.backend, ctx.caller, input), ctx))
}

export function subscription<S extends z.ZodType, T>(streamCase: StreamCase<S, T>) {
  return procedure(streamCase).subscription(({ ctx, input, signal }) =>
    translated(streamCase.execute(ctx.backend, ctx.caller, input, signal)),
  )
}

/** A subscription whose items carry the id from which the browser resumes: `item` wraps each in `tracked(id, …)`. */
export function resumable<S extends z.ZodType, T, R>(streamCase: StreamCase<S, T>, item: (value: T) => R) {
  return procedure(streamCase).subscription(async function* ({ ctx, input, signal }) {
    for await (const value of translated(streamCase.execute(ctx.backend, ctx.caller, input, signal))) yield item(value)
  })
}

/** Errors on the way of a stream do not pass the middleware. */
async function* translated<T>(stream: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* stream
  } catch (error) {
    throw error instanceof GantryError ? toTrpcError(error) : error
  }
}
