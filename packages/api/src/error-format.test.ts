import { GantryError, errorCodes } from '@gantry/contracts'
import { TRPCError } from '@trpc/server'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { isUnexpected, toTrpcError, toWireError } from './error-format.ts'

it('passes code, text and detail of our own errors through', () => {
  for (const code of errorCodes) {
    const error = new GantryError(code, 'memory limit 4 GiB exceeds project limit 2 GiB', { limit: '2 GiB', remedy: 'ask for less' })
    expect(toWireError(toTrpcError(error), 'id')).toEqual(error.toWire())
  }
})

it('names the field of a wrong input', () => {
  const { error } = z.object({ resources: z.object({ memoryBytes: z.number().min(6) }) }).safeParse({ resources: { memoryBytes: 1 } })
  expect(toWireError(new TRPCError({ code: 'BAD_REQUEST', cause: error }), 'id')).toMatchObject({
    code: 'invalid_input',
    detail: { field: 'resources.memoryBytes' },
  })
})

it('hides what nobody foresaw behind an id', () => {
  const error = new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: 'SELECT secret', cause: new Error('SELECT secret') })
  expect(toWireError(error, 'ab12')).toEqual({ code: 'internal', message: 'internal error ab12' })
  expect(isUnexpected(error)).toBe(true)
  expect(isUnexpected(toTrpcError(new GantryError('not_found', 'container x not found')))).toBe(false)
})

it('says what tRPC itself refuses', () => {
  expect(toWireError(new TRPCError({ code: 'NOT_FOUND', message: 'No procedure found on path "x"' }), 'id').code).toBe('not_found')
})
