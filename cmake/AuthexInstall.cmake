# What is installed, and the Debian packages made of it: `authex` (the programs) and `authex-sdk` (what modules
# are built from). The programs find each other and the SDK from where they lie: lib/authex, share/authex.
include(GNUInstallDirs)

# In the build tree, the way to the SDK is the same as in an installation.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share)
file(CREATE_LINK ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/share/authex SYMBOLIC)

set(generated ${CMAKE_BINARY_DIR}/install)
set(share ${CMAKE_SOURCE_DIR}/share)

install(TARGETS authex authex-em authex-sancus DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(TARGETS ${AUTHEX_MODULE_HOSTS} DESTINATION lib/authex COMPONENT runtime)
if(TARGET authex_tz_host_aarch64)
    install(PROGRAMS ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/aarch64/authex-tz-host DESTINATION lib/authex/aarch64 COMPONENT runtime)
endif()
install(FILES ${CMAKE_BINARY_DIR}/lib/authex/sancus/event-manager.elf ${CMAKE_BINARY_DIR}/lib/authex/sancus/board-check.elf
    ${CMAKE_BINARY_DIR}/lib/authex/sancus/scheduler.o ${CMAKE_BINARY_DIR}/lib/authex/sancus/scheduler.ld DESTINATION lib/authex/sancus COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/man/authex.1 DESTINATION share/man/man1 COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/man/authex-sancus.1 DESTINATION share/man/man1 COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/man/authex-em.8 DESTINATION share/man/man8 COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/man/authex.yaml.5 DESTINATION share/man/man5 COMPONENT runtime)
set(completions ${CMAKE_BINARY_DIR}/completions)
foreach(program authex authex-sancus)
    install(FILES ${completions}/${program}.bash DESTINATION share/bash-completion/completions RENAME ${program} COMPONENT runtime)
    install(FILES ${completions}/${program}.zsh DESTINATION share/zsh/vendor-completions RENAME _${program} COMPONENT runtime)
    install(FILES ${completions}/${program}.fish DESTINATION share/fish/vendor_completions.d COMPONENT runtime)
endforeach()
foreach(service authex-em authex-watch)
    install(FILES ${share}/systemd/${service}.service DESTINATION lib/systemd/system COMPONENT runtime)
    install(FILES ${share}/systemd/${service}.sysusers DESTINATION lib/sysusers.d RENAME ${service}.conf COMPONENT runtime)
endforeach()
install(FILES ${share}/grafana/authex.json DESTINATION share/authex/grafana COMPONENT runtime)

# What the builder compiles into every module, and what authors include.
file(GLOB ports RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS src/tee/*/port)
list(REMOVE_ITEM ports src/tee/skeleton/port) # no module can be deployed with it
foreach(folder sdk src/base src/crypto src/wire src/runtime ${ports})
    get_filename_component(parent ${folder} DIRECTORY)
    install(DIRECTORY ${folder} DESTINATION share/authex/${parent} COMPONENT sdk
        FILES_MATCHING PATTERN *.h PATTERN *.hpp PATTERN *.c PATTERN *.cpp PATTERN *.S PATTERN *.ld PATTERN *.lds)
endforeach()
install(DIRECTORY examples DESTINATION share/doc/authex-sdk COMPONENT sdk)

set(doc_runtime share/doc/authex)
set(doc_sdk share/doc/authex-sdk)
file(READ LICENSE licence)
string(REGEX REPLACE "^MIT License\n+" "" licence "${licence}")
string(REGEX MATCH "Copyright[^\n]*" copyright "${licence}")
string(REGEX REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REGEX REPLACE "\n" "\n " licence "${licence}")
configure_file(${share}/debian/copyright.in ${generated}/copyright @ONLY)
foreach(component runtime sdk)
    install(FILES ${generated}/copyright DESTINATION ${doc_${component}} COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME authex)
set(CPACK_PACKAGE_VENDOR Authex)
set(CPACK_PACKAGE_CONTACT "Authex maintainers <maintainers@authex.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL runtime sdk)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME authex)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "authentic execution of distributed applications of enclaves
Builds, deploys, attests and connects event-driven modules that run in trusted
execution environments, and moves their events. Brings the deployer's tool
authex, the event manager authex-em, and authex-sancus, which emulates a
microcontroller with Sancus.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS authex-sdk)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
    ${share}/debian/postinst ${share}/debian/prerm ${share}/debian/postrm)

set(CPACK_DEBIAN_SDK_PACKAGE_NAME authex-sdk)
set(CPACK_DEBIAN_SDK_PACKAGE_ARCHITECTURE all)
set(CPACK_COMPONENT_SDK_DESCRIPTION "authentic execution of distributed applications: SDK
Headers and run-time sources from which authex builds modules, and examples.")
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS
    "authex (>= ${PROJECT_VERSION}), clang-14, lld-14, libbearssl-dev, libstdc++-12-dev")
include(CPack)

# `authex_packages` makes build/<preset>/packages/*.deb; `package`, which CPack declares, builds everything else too.
set(packages ${CMAKE_BINARY_DIR}/packages)
file(GLOB_RECURSE packaged CONFIGURE_DEPENDS sdk/* src/base/* src/crypto/* src/wire/* src/runtime/* src/tee/*/port/* examples/* share/*)
add_custom_command(OUTPUT ${packages}/made
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${packages}
    COMMAND ${CMAKE_CPACK_COMMAND} --config ${CMAKE_BINARY_DIR}/CPackConfig.cmake -B ${packages} > ${CMAKE_BINARY_DIR}/cpack.log
    COMMAND ${CMAKE_COMMAND} -E touch ${packages}/made
    DEPENDS authex authex-em ${AUTHEX_MODULE_HOSTS} authex-sancus authex_sancus_firmware authex_sancus_scheduler authex_sancus_board_check authex_manuals ${packaged} ${CMAKE_BINARY_DIR}/CPackConfig.cmake
    COMMENT "Making the Debian packages" VERBATIM)
add_custom_target(authex_packages DEPENDS ${packages}/made)
