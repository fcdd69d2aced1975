import { describe, expect, it } from 'vitest'
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts'

describe('-v', () => {
  it('takes a name for a volume and a path for a host folder', () => {
    expect(parseVolume('data:/var/data', '/home/me')).toEqual({
      type: 'volume',
      source: 'data',
      target: '/var/data',
      readOnly: false,
      noCopy: false,
    })
    expect(parseVolume('./site:/www:ro', '/home/me')).toEqual({
      type: 'bind',
      source: '/home/me/site',
      target: '/www',
      readOnly: true,
      createSource: true,
    })
  })
  it('makes an anonymous volume of a lone target', () => {
    expect(parseVolume('/cache', '/')).toEqual({ type: 'volume', target: '/cache', readOnly: false })
  })
  it('keeps the propagation', () => {
    expect(parseVolume('/a:/b:rshared', '/')).toMatchObject({ propagation: 'rshared' })
  })
  it.each([
    ['a:b', 'not an absolute path'],
    ['a:/b:turbo', 'unknown option turbo'],
    ['a::', 'is not [source:]target[:options]'],
  ])('refuses %s', (text, why) => {
    expect(() => parseVolume(text, '/')).toThrow(why)
  })
})

describe('--mount and --tmpfs', () => {
  it('does not create the source of a bind mount', () => {
    expect(parseMount('type=bind,src=/etc,dst=/host,readonly', '/')).toEqual({
      type: 'bind',
      source: '/etc',
      target: '/host',
      readOnly: true,
    })
  })
  it('reads sizes and octal modes', () => {
    expect(parseMount('type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777', '/')).toMatchObject({ sizeBytes: 1048576, mode: 0o1777 })
    expect(parseTmpfs('/run:size=2m,mode=700')).toMatchObject({ target: '/run', sizeBytes: 2097152, mode: 0o700 })
  })
  it.each([
    ['type=bind,target=/x', 'needs a source'],
    ['type=volume,source=x', 'has no target'],
    ['type=nfs,target=/x', 'unknown type nfs'],
  ])('refuses %s', (text, why) => {
    expect(() => parseMount(text, '/')).toThrow(why)
  })
})
