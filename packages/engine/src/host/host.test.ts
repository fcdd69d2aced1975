import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { hostInfo, parseMeminfo } from './host-info.ts'
import { formatRow, parseProcess, top } from './top.ts'

const group = { projectId: 'p', containerId: 'c' }

test('host facts of this machine', async () => {
  const info = await hostInfo({
    config: { dataDir: '/', version: '1.2.3', instanceId: 'abcd' },
    cgroups: { version: 'v2' },
    appArmor: false,
    storageDriver: 'overlay2',
    counts: () => ({ containers: 3, containersRunning: 2, images: 1 }),
  })
  expect(info).toMatchObject({
    cgroupVersion: 'v2',
    agentVersion: '1.2.3',
    instanceId: 'abcd',
    containers: 3,
    containersRunning: 2,
    images: 1,
  })
  expect(info.cpus).toBeGreaterThan(0)
  expect(info.memoryBytes).toBeGreaterThan(info.memoryUsedBytes)
  expect(info.cpuTotalNs).toBeGreaterThan(info.cpuBusyNs)
  expect(info.dataBytes).toBeGreaterThan(info.dataUsedBytes)
  expect(info.loadAverage).toHaveLength(3)
})

test('used memory is what is not available', () => {
  const text = 'MemTotal:       2000 kB\nMemFree:         100 kB\nMemAvailable:   1500 kB\nSwapTotal:       300 kB\n'
  expect(parseMeminfo(text)).toEqual({ memoryBytes: 2000 * 1024, memoryUsedBytes: 500 * 1024, swapBytes: 300 * 1024 })
})

test('a process with an odd name is taken apart', () => {
  const stat = `42 (a) (b c) S 7 42 42 34817 42 4194304 1 0 0 0 250 50 0 0 20 0 1 0 500000 1 1`
  const facts = parseProcess(42, stat, 'Name:\tx\nUid:\t0\t100000\t0\t0\n', 'sh\0-c\0\0sleep 1\0')
  expect(facts).toEqual({
    pid: 42,
    name: 'a) (b c',
    parent: 7,
    ttyNumber: 34817,
    cpuTicks: 300,
    startTicks: 500000,
    uid: 100000,
    command: ['sh', '-c', '', 'sleep 1'],
  })
  expect(formatRow(facts, 5010, Date.now()).filter((_, column) => column !== 4)).toEqual([
    '100000',
    '42',
    '7',
    '30',
    'pts/1',
    '00:00:03',
    'sh -c  sleep 1',
  ])
  expect(formatRow({ ...facts, command: [] }, 5010, Date.now()).at(-1)).toBe('[a) (b c]')
})

test('top finds a family by its first process when there is no group', async () => {
  const shell = spawn('sh', ['-c', 'sleep 1000 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = (await once(shell.stdout, 'data')) as [Buffer]
    const sleeper = Number(line.toString())
    const byFamily = await top({ processes: async () => [] }, group, shell.pid ?? 0)
    expect(byFamily.titles).toEqual(['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'])
    expect(byFamily.processes.map((row) => [Number(row[1]), row[7]])).toEqual([
      [shell.pid, 'sh -c sleep 1000 & echo $!; wait'],
      [sleeper, 'sleep 1000'],
    ])
    const byGroup = await top({ processes: async () => [sleeper, 2 ** 22 - 1] }, group, shell.pid ?? 0)
    expect(byGroup.processes.map((row) => row[7])).toEqual(['sleep 1000'])
    process.kill(sleeper)
  } finally {
    shell.kill()
  }
})
