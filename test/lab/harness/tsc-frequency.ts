/**
 * How fast this machine's time stamp counter runs. The emulated CPU shows the guest the host's own counter, and a
 * microvm has no good clock to measure it by: left alone, about one boot in ten hangs while it tries. So the kernel is
 * told (tsc_early_khz in Documentation/admin-guide/kernel-parameters.txt). A wrong figure would make the guest's time
 * run fast or slow, so where there is no trustworthy one it is left to measure, and a boot that hangs is repeated.
 */

export interface CpuFacts {
  /** /proc/cpuinfo */
  readonly cpuinfo: string;
  /** /sys/devices/system/cpu/cpu0/cpufreq/base_frequency in kHz (intel_pstate), where it exists */
  readonly baseFrequency: string | undefined;
  /** Whether the kernel changes the frequency, which makes "cpu MHz" a figure of the moment. */
  readonly scales: boolean;
}

/** In kHz, or undefined when nothing reliable is known. */
export function tscKhz(facts: CpuFacts): number | undefined {
  const named = /^model name\s*:.*@ *([\d.]+)GHz/m.exec(facts.cpuinfo)?.[1];
  const current = /^cpu MHz\s*:\s*([\d.]+)/m.exec(facts.cpuinfo)?.[1];
  if (!/^flags\s*:.*\bconstant_tsc\b/m.test(facts.cpuinfo)) return undefined;
  // without frequency scaling the kernel shows what it calibrated the counter to, as in most virtual machines
  if (!facts.scales && current !== undefined) return Math.round(Number(current) * 1000);
  if (facts.baseFrequency !== undefined) return Number(facts.baseFrequency);
  if (named !== undefined) return Math.round(Number(named) * 1_000_000);
  return undefined;
}
