/** A gantry crane: two legs, a beam, and the load on its hook. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" className={className} aria-hidden fill="none" strokeLinecap="square">
      <path d="M4 21V5M20 21V5M2 5h20" stroke="currentColor" strokeWidth="2" />
      <path d="M13 5v5" stroke="currentColor" strokeWidth="1.5" />
      <rect x="9" y="10.5" width="8" height="6" rx="0.75" fill="var(--brand)" />
    </svg>
  )
}
