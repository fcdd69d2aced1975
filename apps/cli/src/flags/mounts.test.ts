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
  it('reads what is special to binds, volumes and images', () => {
    const bind = (words: string) => parseMount(`type=bind,src=/a,dst=/b,${words}`, '/')
    expect(bind('bind-recursive=disabled,consistency=cached')).toMatchObject({ recursive: false })
    expect(bind('ro,bind-recursive=writable')).toMatchObject({ readOnly: true, readOnlyRecursive: 'off' })
    expect(bind('ro,bind-recursive=readonly,bind-propagation=rprivate')).toMatchObject({ readOnlyRecursive: 'force' })
    expect(() => bind('bind-recursive=readonly')).toThrow('needs readonly')
    expect(() => bind('volume-nocopy')).toThrow('unknown option volume-nocopy for type bind')
    expect(parseMount('src=data,dst=/d,volume-subpath=a/b,volume-opt=type=nfs,volume-opt=o=addr=1.2.3.4,volume-label=k=v', '/')).toEqual({
      ...{ type: 'volume', source: 'data', target: '/d', readOnly: false, noCopy: false, subpath: 'a/b' },
      ...{ driverOptions: { type: 'nfs', o: 'addr=1.2.3.4' }, labels: { k: 'v' } },
    })
    expect(parseMount('type=image,source=busybox,target=/i,image-subpath=bin', '/')).toEqual({
      ...{ type: 'image', source: 'busybox', target: '/i', subpath: 'bin' },
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
