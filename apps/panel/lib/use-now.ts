'use client'
import { useEffect, useState } from 'react'

/** The current time, refreshed every `everyMs`; 0 until the page runs in the browser. */
export function useNow(everyMs = 10_000): number {
  const [now, setNow] = useState(0)
  useEffect(() => {
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
