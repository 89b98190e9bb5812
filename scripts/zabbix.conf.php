<?php
// Of the Zabbix frontend that a test runs: the database is that of the test.
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '127.0.0.1';
$DB['PORT'] = getenv('ZABBIX_DB_PORT');
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'monitor_app';
$DB['PASSWORD'] = '';
$DB['SCHEMA'] = '';
$DB['DOUBLE_IEEE754'] = true;
