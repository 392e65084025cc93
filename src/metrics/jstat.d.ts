/** The part of jstat that is used: Student's t distribution. It brings no types of its own. */
declare module 'jstat' {
  interface Distribution {
    /** P(T <= x). */
    cdf(x: number, degreesOfFreedom: number): number;
    /** The x with P(T <= x) = p. */
    inv(p: number, degreesOfFreedom: number): number;
  }
  const jstat: { readonly jStat: { readonly studentt: Distribution } };
  export default jstat;
}
