/** The root tests make namespaces, cgroups and mounts: without root they fail here, at once and in words. */
export default function requireRoot(): void {
  if (process.getuid?.() !== 0) {
    throw new Error('the root tests need root (they make namespaces, cgroups and links): run them with sudo')
  }
}
