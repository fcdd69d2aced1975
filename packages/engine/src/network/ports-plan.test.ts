import { describe, expect, it } from 'vitest'
import { portElements, publishedPorts } from './port-table.ts'
import { wantedPorts } from './ports-plan.ts'

const tcp = { protocol: 'tcp' as const }

describe('wantedPorts', () => {
  it('takes 0.0.0.0 and :: as every address and drops doubles', () => {
    const ports = [
      { ...tcp, containerPort: 80, hostPort: 8080 },
      { ...tcp, containerPort: 80, hostPort: 8080, hostAddress: '::' },
      { ...tcp, containerPort: 80, hostPort: 8080, hostAddress: '127.0.0.1' },
    ]
    expect(wantedPorts({ ports, publishAll: false, exposedPorts: ['81/tcp'] })).toEqual([
      { ...tcp, containerPort: 80, hostPort: 8080, hostAddress: '' },
      { ...tcp, containerPort: 80, hostPort: 8080, hostAddress: '127.0.0.1' },
    ])
  })
  it('gives exposed ports random host ports with -P, but those published already', () => {
    const wanted = wantedPorts({
      ports: [{ ...tcp, containerPort: 80, hostPort: 8080 }],
      publishAll: true,
      exposedPorts: ['80/tcp', '53/udp'],
    })
    expect(wanted[1]).toEqual({ protocol: 'udp', containerPort: 53, hostAddress: '', hostPort: 0 })
    expect(wanted).toHaveLength(2)
  })
  it('keeps several random ports for one container port', () => {
    const ports = [
      { ...tcp, containerPort: 80 },
      { ...tcp, containerPort: 80 },
    ]
    expect(wantedPorts({ ports, publishAll: false, exposedPorts: [] })).toHaveLength(2)
  })
})

describe('published ports', () => {
  const record = (hostAddress: string) => ({ ...tcp, containerPort: 80, hostPort: 8080, hostAddress })
  it('are shown for both families', () => {
    expect(publishedPorts([record('')], true).map(({ hostAddress }) => hostAddress)).toEqual(['0.0.0.0', '::'])
    expect(publishedPorts([record('')], false).map(({ hostAddress }) => hostAddress)).toEqual(['0.0.0.0'])
    expect(publishedPorts([record('127.0.0.1')], true).map(({ hostAddress }) => hostAddress)).toEqual(['127.0.0.1'])
  })
  it('are in the firewall for the families of host address and container, loopback excepted', () => {
    const targets = { ipv4: '10.0.0.2', ipv6: 'fd00::2', direct: [] }
    const sets = (hostAddress: string, to = targets) => portElements([record(hostAddress)], to).map(({ set }) => set)
    expect(sets('')).toEqual(['publish4_any', 'publish6_any'])
    expect(sets('192.0.2.1')).toEqual(['publish4'])
    expect(sets('fd00::1')).toEqual(['publish6'])
    expect(sets('127.0.0.1')).toEqual([])
    expect(sets('::1')).toEqual([])
    expect(sets('', { ...targets, ipv6: null as never })).toEqual(['publish4_any'])
  })
})
