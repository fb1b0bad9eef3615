# Version, commit, compiler and flags for provenance.json; the commit is read at build time.
set(version_header ${CMAKE_BINARY_DIR}/generated/dirtywalk_version.h)
file(STRINGS ${LIBCSV_HEADER} LIBCSV_VERSION REGEX "^#define CSV_(MAJOR|MINOR|RELEASE) ")
string(REGEX REPLACE "[^0-9;]" "" LIBCSV_VERSION "${LIBCSV_VERSION}")
list(JOIN LIBCSV_VERSION . LIBCSV_VERSION)
add_custom_target(dirtywalk_version
  COMMAND ${CMAKE_COMMAND} -D OUTPUT=${version_header} -D VERSION=${PROJECT_VERSION}
    -D SOURCE=${CMAKE_SOURCE_DIR} -D "COMPILER=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
    -D BUILD_TYPE=${CMAKE_BUILD_TYPE}
    -D "LIBRARIES={\"libyaml ${YAML_VERSION}\", \"zlib ${ZLIB_VERSION}\", \"jansson ${JANSSON_VERSION}\", \"nettle ${NETTLE_VERSION}\", \"libcsv ${LIBCSV_VERSION}\", \"libdeflate ${LIBDEFLATE_VERSION}\"}" -P ${CMAKE_SOURCE_DIR}/cmake/write_version.cmake
  BYPRODUCTS ${version_header} VERBATIM)
add_dependencies(dirtywalk_core dirtywalk_version)
