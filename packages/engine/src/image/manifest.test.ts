import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  chainIds,
  digestOf,
  forPlatform,
  isIndex,
  mediaTypes,
  parseConfig,
  parseIndex,
  parseManifest,
  parsePlatform,
  toImageConfig,
} from './manifest.ts'

const digest = (n: number) => digestOf(Buffer.from(String(n)))
const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const descriptor = (n: number, mediaType: string = mediaTypes.ociLayer) => ({ mediaType, digest: digest(n), size: n })
const manifest = { schemaVersion: 2, config: descriptor(1, mediaTypes.ociConfig), layers: [descriptor(2)] }

describe('manifests', () => {
  test('OCI and docker schema 2 read alike', () => {
    expect(parseManifest(json(manifest)).layers).toHaveLength(1)
    expect(parseManifest(json({ ...manifest, mediaType: mediaTypes.dockerManifest, extra: 1 })).config.size).toBe(1)
  })

  test.each<[string, unknown, RegExp]>([
    ['schema 1', { ...manifest, schemaVersion: 1 }, /schemaVersion/],
    ['a digest of another kind', { ...manifest, config: { ...manifest.config, digest: 'md5:1' } }, /config\.digest: must be sha256/],
    ['a negative size', { ...manifest, layers: [{ ...descriptor(2), size: -1 }] }, /layers\.0\.size/],
    ['too many layers', { ...manifest, layers: Array.from({ length: 501 }, (_, i) => descriptor(i)) }, /at most 500 layers/],
    [
      'foreign layers',
      { ...manifest, layers: [descriptor(2, 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')] },
      /not part of a container image/,
    ],
    ['an artifact', { ...manifest, layers: [descriptor(2, 'application/vnd.cncf.helm.chart')] }, /helm\.chart/],
    ['a list', [], /the image manifest is not valid/],
  ])('%s is refused', (_name, document, message) => {
    expect(() => parseManifest(json(document))).toThrow(message)
  })

  test('text that is no JSON and documents that are too large', () => {
    expect(() => parseManifest(Buffer.from('{'))).toThrow('the image manifest is not JSON')
    expect(() => parseManifest(Buffer.alloc(4 * 1024 * 1024 + 1))).toThrow(/4194305 bytes/)
  })

  test('any JSON is read or refused as invalid input', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        for (const parse of [parseManifest, parseIndex, parseConfig]) {
          try {
            parse(Buffer.from(text))
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/invalid_input|unsupported/) })
          }
        }
      }),
    )
  })
})

describe('indexes', () => {
  const entry = (n: number, os: string, architecture: string, variant?: string) => ({
    ...descriptor(n, mediaTypes.ociManifest),
    platform: { os, architecture, ...(variant ? { variant } : {}) },
  })
  const index = parseIndex(
    json({
      schemaVersion: 2,
      manifests: [
        entry(1, 'linux', 'arm64', 'v8'),
        entry(2, 'linux', 'amd64'),
        entry(3, 'unknown', 'unknown'),
        descriptor(4, mediaTypes.ociManifest),
      ],
    }),
  )

  test('the platform decides, entries without one come last, attestations never', () => {
    const sizes = (platform: string) => forPlatform(index, parsePlatform(platform)).map((each) => each.size)
    expect(sizes('linux/amd64')).toEqual([2, 4])
    expect(sizes('linux/arm64')).toEqual([1, 4])
    expect(sizes('linux/arm64/v8')).toEqual([1, 4])
    expect(sizes('linux/arm64/v7')).toEqual([4])
    expect(() => parsePlatform('linux')).toThrow(/must look like linux\/amd64/)
  })

  test('are told from manifests by type, or by what they hold', () => {
    expect(isIndex(json({}), mediaTypes.dockerList)).toBe(true)
    expect(isIndex(json({ manifests: [] }), '')).toBe(true)
    expect(isIndex(json(manifest), 'application/json')).toBe(false)
  })
})

describe('configs', () => {
  test('docker’s nulls and zeros mean the defaults', () => {
    const file = parseConfig(
      json({
        architecture: 'amd64',
        os: 'linux',
        config: {
          Entrypoint: null,
          Cmd: ['a'],
          Env: null,
          Volumes: { '/v': {} },
          ExposedPorts: { '80/tcp': {} },
          Labels: null,
          Healthcheck: { Test: ['CMD', 'x'], Interval: 5e9, Timeout: 0 },
        },
        rootfs: { type: 'layers', diff_ids: [digest(1)] },
      }),
    )
    expect(toImageConfig(file)).toEqual({
      entrypoint: [],
      command: ['a'],
      env: [],
      user: '',
      workingDir: '',
      labels: {},
      exposedPorts: ['80/tcp'],
      volumes: ['/v'],
      stopSignal: '',
      healthcheck: { test: ['CMD', 'x'], intervalMs: 5000, timeoutMs: 30_000, retries: 3, startPeriodMs: 0, startIntervalMs: 5000 },
    })
  })

  test('chain ids are those of the specification', () => {
    const [a, b] = [digest(1), digest(2)]
    expect(chainIds([a, b])).toEqual([a, digestOf(Buffer.from(`${a} ${b}`))])
    expect(chainIds([])).toEqual([])
  })
})
