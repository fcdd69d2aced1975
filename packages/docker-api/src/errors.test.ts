import { GantryError } from '@gantry/contracts'
import { expect, it } from 'vitest'
import { renderError } from './errors.ts'

it.each([
  ['cannot kill container web: it is exited', 'cannot kill container: web: container web is not running'],
  ['cannot pause container web: it is created', 'cannot pause container: web: container web is not running'],
  ['cannot exec container web: it is paused', 'cannot exec container: web: container web is paused, unpause the container first'],
  ['cannot remove container web: it is running', 'cannot remove container web: it is running'],
  ['exec 0123456789ab is not running', 'exec 0123456789ab is not running'],
])('%s is 409 in words that scripts know', (message, words) => {
  expect(renderError(new GantryError('wrong_state', message))).toEqual({ status: 409, message: words })
})
