# What `cmake --install` puts where, and the Debian package.
include(GNUInstallDirs)
install(TARGETS dirtywalk)
set(share ${CMAKE_INSTALL_DATADIR}/dirtywalk)
# Examples name their traces relative to themselves: the two folders keep their places.
install(DIRECTORY configs/examples configs/gen DESTINATION ${share}/configs FILES_MATCHING PATTERN "*.yaml")
install(FILES configs/experiment.schema.json DESTINATION ${share}/configs)
install(DIRECTORY traces/samples DESTINATION ${share}/traces FILES_MATCHING PATTERN "*.gz" PATTERN "MANIFEST.csv")
install(PROGRAMS analysis/figures.py analysis/shards.py analysis/compare.py analysis/reproduce.sh analysis/slurm.sh
  DESTINATION ${share}/analysis)
install(FILES analysis/loader.py analysis/Snakefile DESTINATION ${share}/analysis)
install(DIRECTORY analysis/golden DESTINATION ${share}/analysis)
install(FILES README.md CHANGELOG.md CITATION.cff LICENSE traces/FORMAT.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.png" PATTERN "*.svg"
  PATTERN findings EXCLUDE)
install(FILES completions/dirtywalk.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME dirtywalk)
install(FILES completions/_dirtywalk DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)

find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
  set(man_folder ${CMAKE_BINARY_DIR}/man)
  add_custom_command(OUTPUT ${man_folder}/dirtywalk.1
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/docs/make_man.py $<TARGET_FILE:dirtywalk> ${man_folder}
    DEPENDS dirtywalk docs/make_man.py VERBATIM)
  add_custom_target(man ALL DEPENDS ${man_folder}/dirtywalk.1)
  install(DIRECTORY ${man_folder}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
  install(DIRECTORY ${man_folder}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 FILES_MATCHING PATTERN "*.5")
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME dirtywalk)
set(CPACK_PACKAGE_CONTACT "the dirtywalk authors <dirtywalk@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trace-driven simulator of IOMMU page tables and dirty tracking")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
include(CPack)
