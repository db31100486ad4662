/** A duration for people. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const days = hours / 24;
  if (days < 10) return `${Math.floor(days)} d ${hours % 24} h`;
  return days < 1000 ? `${Math.round(days)} d` : `${Math.round(days / 365)} years`;
}
