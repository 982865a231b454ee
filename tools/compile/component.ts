/** A piece of others' work inside the executable, as the licences' list and the SBOM tell of it. */
export interface Component {
  readonly name: string;
  readonly version: string;
  readonly kind: "npm" | "debian" | "deno";
  /** SPDX expression. */
  readonly licence: string;
  readonly homepage: string;
  readonly purl: string;
  /** Of the package as its registry publishes it. */
  readonly sha512?: string;
  /** Files of it in the executable, by their unpacked paths. */
  readonly files?: readonly string[];
  readonly licenceText: string;
}
