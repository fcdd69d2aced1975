import type { PublishedPort } from '@gantry/contracts'

/** `8080→80/tcp`, with the host address unless it is every address. */
export function portText(port: PublishedPort): string {
  const everywhere = port.hostAddress === '' || port.hostAddress === '0.0.0.0' || port.hostAddress === '::'
  const address = everywhere ? '' : `${port.hostAddress.includes(':') ? `[${port.hostAddress}]` : port.hostAddress}:`
  return `${address}${port.hostPort}→${port.containerPort}/${port.protocol}`
}
