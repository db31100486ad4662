/** A duration for people: 0.8 s, 42 s, 3 min 05 s, 2 h 10 min, 3 d 4 h, 12 d, 3 years. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const days = hours / 24;
  if (days < 10) return `${Math.floor(days)} d ${hours % 24} h`;
  return days < 1000 ? `${Math.round(days)} d` : `${Math.round(days / 365)} years`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}
