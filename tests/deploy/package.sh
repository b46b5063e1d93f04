# The Debian package, packed around the binary of the image, so that both test the same program.

# Prints the package's path.
debian_package() { find target/package/dist -name '*.deb'; }

build_package() {
  local binary=$WORK/flowmend
  if [[ $BINARY ]]; then
    cp "$BINARY" "$binary"
  else
    engine image exists "$IMAGE" || build_image
    engine create --name "$NAME-binary" --label "$NAME" "$IMAGE" >/dev/null
    engine cp "$NAME-binary:/usr/local/bin/flowmend" "$binary"
    remove binary
  fi
  expect "the binary is static" not grep -q "/ld-linux" "$binary"
  expect "the package builds" deploy/package/build --binary "$binary"
  cp target/package/dist/SHA256SUMS "$WORK/first.sums"
  expect "and again" deploy/package/build --binary "$binary"
  expect "two builds give the same bytes" cmp "$WORK/first.sums" target/package/dist/SHA256SUMS
  local bom
  bom=$(echo target/package/dist/*.cdx.json)
  expect "the SBOM lists the dependencies" jq --exit-status \
    '.bomFormat == "CycloneDX" and ([.components[].name] | contains(["sqlx", "tokio", "hickory-resolver"]))' "$bom"
}
